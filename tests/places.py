"""Where things lie: the repository, its scripts, and the real scenes beside it."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"
SHARED = ROOT.parent / "shared" / "data"
CASES = ROOT.parent / "shared" / "cases"  # files that went wrong
