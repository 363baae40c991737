//! The rules of the house that a compiler does not check: layers, unsafe, the length of files, leftovers.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the top down; a file may name its own layer and those after it.
const LAYERS: [&str; 5] = ["pg", "engine", "index", "segment", "format"];
const LINES_MAX: usize = 800;

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("a readable file");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

fn layer(path: &Path) -> Option<usize> {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).ok()?;
    let first = below.components().next()?.as_os_str().to_str()?;
    LAYERS.iter().position(|name| *name == first)
}

/// The line without its comment; good enough where no string holds `//`.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

#[test]
fn imports_point_down_only() {
    let mut faults = Vec::new();
    for (path, text) in sources("src") {
        let Some(own) = layer(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for upper in &LAYERS[..own] {
                if code(line).contains(&format!("crate::{upper}::")) {
                    faults.push(format!("{}:{}: names {upper}", path.display(), number + 1));
                }
            }
            if own > 0 && code(line).contains("pgrx") {
                faults.push(format!("{}:{}: names pgrx", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn unsafe_stays_where_the_layers_allow_it() {
    let mut faults = Vec::new();
    for (path, text) in sources("src") {
        if layer(&path) == Some(0) || path.ends_with("segment/map.rs") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if code(line).split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe") {
                faults.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut faults = Vec::new();
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{}: {lines} lines, the limit is {LINES_MAX}", path.display()));
        }
        if !text.starts_with("//!") {
            faults.push(format!("{}: does not open with //!", path.display()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn nothing_is_left_over() {
    let leftovers =
        [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("#[", "ignore")];
    let allow = [concat!("#[", "allow("), concat!("#![", "allow(")];
    let mut faults = Vec::new();
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        for (number, line) in text.lines().enumerate() {
            if leftovers.iter().chain(&allow).any(|word| code(line).contains(word)) {
                faults.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
