"""Runs the Python of docs/guides/verify-the-context.md as it stands there, on
contexts that the gateway's key signed and on others.

Usage: context_check.py GUIDE CASES
"""

import json
import re
import sys

guide, cases = (open(path, encoding="utf-8").read() for path in sys.argv[1:3])
cases = json.loads(cases)
blocks = re.findall(r"```python\n(.*?)```", guide, re.S)
assert len(blocks) == 2, f"the guide has {len(blocks)} blocks"
sample = {}
for block in blocks:
    exec(block, sample)

contexts = sample["Contexts"](cases["audience"], lambda: cases["jwks"])
claims = contexts.verify([cases["good"]])
assert claims["tid"] == cases["tenant"], claims
for tokens in [[], [cases["good"]] * 2, *([token] for token in cases["bad"])]:
    try:
        accepted = contexts.verify(tokens)
    except sample["Refused"]:
        continue
    raise AssertionError(f"{tokens} was accepted as {accepted}")
assert list(sample["names"]("shop", cases["tenant"])) == cases["names"]
