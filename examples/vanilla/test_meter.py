import contextlib
import io
import unittest
from datetime import date

import meter
import report


class LoadTests(unittest.TestCase):
    def test_in_order_of_date(self):
        readings = meter.load(["date,kwh", "2024-02-01,20", "2024-01-01,10.5"])
        self.assertEqual(
            readings,
            [
                meter.Reading(date(2024, 1, 1), 10.5),
                meter.Reading(date(2024, 2, 1), 20.0),
            ],
        )

    def test_says_which_line_is_wrong(self):
        with self.assertRaisesRegex(ValueError, "line 3: .*soon"):
            meter.load(["date,kwh", "2024-01-01,10", "soon,11"])


class MonthlyTests(unittest.TestCase):
    def test_spread_over_two_months(self):
        used = meter.monthly(
            [
                meter.Reading(date(2024, 1, 22), 100),
                meter.Reading(date(2024, 2, 11), 120),
            ]
        )
        self.assertAlmostEqual(used[2024, 1], 10)
        self.assertAlmostEqual(used[2024, 2], 10)

    def test_one_reading_tells_nothing(self):
        self.assertEqual(meter.monthly([meter.Reading(date(2024, 1, 1), 5)]), {})

    def test_backwards(self):
        with self.assertRaisesRegex(ValueError, "backwards before 2024-01-02"):
            meter.monthly(
                [meter.Reading(date(2024, 1, 1), 5), meter.Reading(date(2024, 1, 2), 4)]
            )


class ReportTests(unittest.TestCase):
    def test_prints_a_line_a_month(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            report.main(["readings.csv", "--price", "0.5"])
        lines = out.getvalue().splitlines()
        self.assertEqual(len(lines), 6)
        self.assertEqual(lines[0], "2024-01     323.4 kWh    161.68")


if __name__ == "__main__":
    unittest.main()
