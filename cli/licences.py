#!/usr/bin/env python3
"""Writes licences.txt: every package linked into softicsf, with its licence.

A table of all packages comes first. Then come the texts: the Apache licence once, for all packages that offer it, and
for every other package the texts that it brings with it.
"""

import json
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
RULE = "-" * 80
TREE = "cargo tree --locked -p softicsf-cli -e normal,no-proc-macro --prefix none -f {p}"
METADATA = "cargo metadata --locked --format-version 1"
HEAD = """\
What is linked into softicsf, and under which licence. Made by cli/licences.py.
Besides these: the standard library of Rust (MIT OR Apache-2.0), and SQLite,
which libsqlite3-sys brings and which is in the public domain.
"""


def run(command):
    return subprocess.run(command.split(), cwd=HERE, check=True, capture_output=True, text=True).stdout


def linked():
    """Name and version of the packages in the program, ours left out."""
    lines = [line.split() for line in run(TREE).splitlines() if line and "(/" not in line]
    return {(name, version.removeprefix("v")) for name, version, *_ in lines}


def texts(directory):
    names = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")
    return sorted(path for path in directory.iterdir() if path.is_file() and path.name.upper().startswith(names))


def main():
    wanted = linked()
    packages = [p for p in json.loads(run(METADATA))["packages"] if (p["name"], p["version"]) in wanted]
    packages.sort(key=lambda package: (package["name"], package["version"]))

    out = [HEAD]
    apache, owners = None, {}
    for package in packages:
        out.append(f"{package['name']:<27} {package['version']:<18} {package['license']}")
        files = texts(pathlib.Path(package["manifest_path"]).parent)
        if "Apache-2.0" in package["license"] and " AND " not in package["license"]:
            apache = apache or next((f.read_text() for f in files if "APACHE" in f.name.upper()), None)
            files = [f for f in files if f.name.upper().startswith("NOTICE")]
        elif not files:
            raise SystemExit(f"{package['name']}: no text of its licence, {package['license']}")
        for file in files:
            owners.setdefault(file.read_text().strip(), []).append(package["name"])

    owners[apache.strip()] = ["all packages that offer the Apache License, Version 2.0"]
    for text, names in owners.items():
        out += ["", RULE, ", ".join(names), RULE, "", text]
    lines = "\n".join(out).replace("\f", "").expandtabs(4).splitlines()
    (HERE / "licences.txt").write_text("\n".join(line.rstrip() for line in lines) + "\n")


if __name__ == "__main__":
    main()
