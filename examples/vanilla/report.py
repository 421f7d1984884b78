#!/usr/bin/env python3
"""Print what the electricity of each month came to."""

import argparse
import sys

import meter


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readings", help="CSV file with the columns date and kwh")
    parser.add_argument("--price", type=float, default=0.31, help="price of a kWh")
    args = parser.parse_args(argv)

    try:
        with open(args.readings, newline="") as lines:
            used = meter.monthly(meter.load(lines))
    except (OSError, ValueError) as error:
        sys.exit(f"{args.readings}: {error}")

    for (year, month), kwh in sorted(used.items()):
        print(f"{year}-{month:02}  {kwh:8.1f} kWh  {kwh * args.price:8.2f}")


if __name__ == "__main__":
    main()
