"""Markdown documents as programs: their fenced blocks, in order, with what the document says about each.

Conventions, for whoever writes a document (docs/README.md repeats them for readers of the source):

* a block fenced as `sql` is run by psql, in a database of the document's own, in the order of the document
* a block fenced as `text` that follows it with nothing but blank lines between is what psql prints
* a block fenced as `python` is run by tests/cluster/orm; a `text` block after it is what it prints
* `<!-- file: NAME -->` on the line before a block of any language makes its text a file of that name where psql runs
* `<!-- fails: SQLSTATE -->` on the line before an `sql` block: its last statement must fail with that code, and no other may

Invariant: a fence that is not closed is an error of the document, never a block.
"""

import re

MARK = re.compile(r"<!-- (file|fails): (\S+) -->")


class Block:
    """A fenced block: `language`, `text`, the `line` of its opening fence, its `marks`, and for a program its `output` or None."""

    def __init__(self, language, line, marks):
        self.language = language
        self.line = line
        self.marks = marks
        self.lines = []
        self.output = None

    @property
    def text(self):
        return "".join(line + "\n" for line in self.lines)


def blocks(text):
    """The blocks of a document. An output is the `output` of its block and also a block of its own."""
    found = []
    block = None
    marks = {}
    follows = None
    for number, line in enumerate(text.splitlines(), 1):
        if block is not None:
            if line.strip() == "```":
                if block.language == "text" and follows is not None:
                    follows.output = block
                follows = block if block.language in ("sql", "python") else None
                block = None
            else:
                block.lines.append(line)
        elif line.startswith("```"):
            block = Block(line[3:].strip(), number, marks)
            found.append(block)
            marks = {}
        elif MARK.fullmatch(line.strip()):
            name, value = MARK.fullmatch(line.strip()).groups()
            marks[name] = value
        elif line.strip():
            follows = None
            if marks:
                raise ValueError(f"line {number}: {sorted(marks)} belongs to no block")
    if block is not None:
        raise ValueError(f"line {block.line}: the block is not closed")
    return found


# What differs from run to run. Times that the documents give have no fraction of a second; those of the clock have one.
GENERATED = [
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+([+-]\d\d(:\d\d)?|\b)"), "<time>"),
    (re.compile(r"\b\d+:\d+:(\d+(,\d+)*)?(?=\s|$)"), "<snapshot>"),
    (re.compile(r'with payload "\d+" received from server process with PID \d+'), "from <pid>"),
]
# Columns whose values are the server's own.
OWN = {"tx", "receipt", "segment", "bytes", "delta_bytes", "oid"}


def normal(output):
    """psql's output as lines that can be compared: rows as tuples, generated values replaced, no widths."""
    lines = []
    own = []
    before = None
    for line in output.splitlines():
        line = line.rstrip()
        if re.fullmatch(r"-+(\+-+)*", line) and before is not None:
            own = [cell.strip() in OWN for cell in before.split("|")]
            lines.append("---")
            continue
        before = line
        for pattern, replacement in GENERATED:
            line = pattern.sub(replacement, line)
        cells = [" ".join(cell.split()) for cell in line.split("|")]
        if len(cells) == len(own) and not re.fullmatch(r"\(\d+ rows?\)", line):
            cells = ["<own>" if hidden and cell else cell for hidden, cell in zip(own, cells)]
        else:
            own = []
        lines.append(" | ".join(cells))
    while lines and not lines[-1]:
        lines.pop()
    return lines


def rewrite(path, text, changed):
    """Puts what was printed in the place of what was shown, the last block first so that line numbers hold."""
    lines = text.splitlines()
    for block, printed in sorted(changed, key=lambda pair: -pair[0].line):
        lines[block.line : block.line + len(block.lines)] = [line.rstrip() for line in printed.rstrip("\n").splitlines()]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
