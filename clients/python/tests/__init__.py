"""Tests of the client. In this folder's parent: python3 -m unittest discover"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
