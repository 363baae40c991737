#!/usr/bin/env python3
"""Turn @mdn/browser-compat-data into one gzip'd COPY file of EntityDB events.

    build_events.py DATA_JSON OUTPUT.tsv.gz

The output has the columns (id, ts, op, tag, content) of `COPY entity_event`, in PostgreSQL's text format. The events of one
entity stand together and in time order; entities are sorted by id; the same input gives the same bytes. How a compat
statement becomes events is said in README.md beside this file. Only the standard library is used.
"""

import collections
import gzip
import json
import sys
from datetime import date

# Kinds of support, from the strongest reason to set a statement apart. A statement gets the first that fits.
NAMESPACES = ("flagged", "prefixed", "partial", "supports")


def namespace_of(statement):
    """The namespace of the tag that a support statement asserts."""
    if statement.get("flags"):
        return "flagged"
    if "prefix" in statement or "alternative_name" in statement:
        return "prefixed"
    if statement.get("partial_implementation"):
        return "partial"
    return "supports"


class Releases:
    """Release dates of every version of every browser, as far as they are known and past at the date of the data."""

    def __init__(self, data):
        self.today = data["__meta"]["timestamp"][:10]
        self.dates = {
            (browser, version): release.get("release_date")
            for browser, entry in data["browsers"].items()
            for version, release in entry["releases"].items()
        }

    def date_of(self, browser, version):
        """The date of `version`, or None with the reason why there is none."""
        if version is False:
            return None, "no support"
        if version == "preview":
            return None, "preview"
        day = self.dates.get((browser, version.lstrip("≤")))
        if day is None:
            return None, "release without a date"
        if day > self.today:
            return None, "release after the data"
        return day, None


def intervals_of(compat, releases, counts):
    """{tag: [(from, to or None), ..]} of one feature: disjoint, not touching, in time order."""
    raw = collections.defaultdict(list)
    for browser, statements in compat["support"].items():
        for statement in statements if isinstance(statements, list) else [statements]:
            start, why = releases.date_of(browser, statement["version_added"])
            if start is None:
                counts["statement skipped: " + why] += 1
                continue
            end = None
            if "version_removed" in statement:
                end, why = releases.date_of(browser, statement["version_removed"])
                if end is None:
                    counts["removal skipped: " + why] += 1
            if end is not None and end <= start:
                counts["statement skipped: removed by the day it was added"] += 1
                continue
            raw[namespace_of(statement) + ":" + browser].append((start, end))
    merged = {}
    for tag, ranges in raw.items():
        out = []
        for start, end in sorted(ranges, key=lambda r: (r[0], r[1] or "9999")):
            if out and (out[-1][1] is None or start <= out[-1][1]):
                counts["ranges merged"] += 1
                if out[-1][1] is not None and (end is None or end > out[-1][1]):
                    out[-1] = (out[-1][0], end)
            else:
                out.append((start, end))
        merged[tag] = out
    return merged


def spec_tag(url):
    """`spec:` and the document a spec URL points into: its host and first path segment, two where the first is a shelf."""
    host, _, path = url.split("://", 1)[1].partition("/")
    segments = path.split("#")[0].split("/")
    depth = 2 if segments[0] in ("TR", "rfc", "specs", "spec", "doc") else 1
    return "spec:" + "/".join([host, *segments[:depth]]).rstrip("/")


def lasting_tags(path, compat):
    """What the data says without a date: category, standing, specification, web-features group."""
    tags = {"category:" + path[0]}
    status = compat.get("status", {})
    if status.get("standard_track"):
        tags.add("status:standard_track")
    if status.get("deprecated"):
        tags.add("status:deprecated")
    if status.get("experimental"):
        tags.add("experimental")
    urls = compat.get("spec_url", [])
    tags.update(spec_tag(url) for url in ([urls] if isinstance(urls, str) else urls))
    tags.update(compat.get("tags", []))
    return tags


def content_of(compat):
    """Description and links as compact JSON, keys sorted; empty bytes never occur, `{}` may."""
    keep = {key: compat[key] for key in ("description", "mdn_url", "spec_url") if key in compat}
    return json.dumps(keep, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def events_of(path, compat, releases, counts):
    """The events of one feature in time order, as (date, op, tag, content)."""
    intervals = intervals_of(compat, releases, counts)
    if not intervals:
        counts["feature skipped: no dated support"] += 1
        return []
    first = min(ranges[0][0] for ranges in intervals.values())
    events = [(first, 0, "content", None, content_of(compat))]
    events += [(first, 2, "assert", tag, None) for tag in lasting_tags(path, compat)]
    for tag, ranges in intervals.items():
        for start, end in ranges:
            events.append((start, 2, "assert", tag, None))
            if end is not None:
                events.append((end, 1, "retract", tag, None))
    events.sort(key=lambda e: (e[0], e[1], e[3] or ""))
    return [(day, op, tag, content) for day, _, op, tag, content in events]


def features(node, path):
    """Every (path, compat) below `node`, depth first."""
    if "__compat" in node:
        yield path, node["__compat"]
    for key, child in node.items():
        if not key.startswith("__"):
            yield from features(child, path + [key])


def copy_text(value):
    """A value as PostgreSQL's COPY text format writes it."""
    if value is None:
        return r"\N"
    return value.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def copy_bytea(text):
    """Text as bytea in escape format (a backslash is doubled), then as COPY writes it. JSON never starts with `\\x`."""
    return None if text is None else copy_text(text.replace("\\", "\\\\"))


def main(source, target):
    with open(source, encoding="utf-8") as file:
        data = json.load(file)
    releases = Releases(data)
    counts = collections.Counter()
    found = [
        (".".join(path), path, compat)
        for top, node in data.items()
        if top not in ("__meta", "browsers")
        for path, compat in features(node, [top])
    ]
    found.sort(key=lambda f: f[0])
    counts["features in the source"] = len(found)
    lines = []
    days = set()
    for id_, path, compat in found:
        events = events_of(path, compat, releases, counts)
        counts["entities"] += bool(events)
        for day, op, tag, content in events:
            date.fromisoformat(day)
            days.add(day)
            counts["events"] += 1
            counts["events: " + op] += 1
            if tag and tag.split(":")[0] in NAMESPACES:
                counts["events: " + op + " " + tag.split(":")[0]] += 1
            fields = (id_, day + " 00:00:00+00", op, tag)
            lines.append("\t".join([copy_text(f) for f in fields] + [copy_bytea(content) or r"\N"]) + "\n")
    with open(target, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write("".join(lines).encode("utf-8"))
    print(f"source      @mdn/browser-compat-data {data['__meta']['version']} of {releases.today}")
    print(f"dates       {min(days)} .. {max(days)}, {len(days)} different")
    for name, count in sorted(counts.items()):
        print(f"{count:9,}  {name}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
