"""Writes digits-x.npy (1797 x 64 pixels) and digits-y.npy (+1 for an even digit, else -1) for digits.toml.

The data is the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, 1998), as scikit-learn
ships it. Its source and licence: https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits

    pip install scikit-learn
    python3 configs/make-digits.py [DIRECTORY]        # beside this script unless told otherwise
"""

import pathlib
import sys

import numpy
from sklearn.datasets import load_digits

directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
pixels, digit = load_digits(return_X_y=True)
numpy.save(directory / "digits-x.npy", pixels.astype(numpy.float32))
numpy.save(directory / "digits-y.npy", numpy.where(digit % 2 == 0, 1, -1).astype(numpy.float32))
