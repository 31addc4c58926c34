import unittest

from app import answer


class Answers(unittest.TestCase):
    def test_it_is_well(self):
        self.assertEqual(answer("/health"), (200, {"status": "ok"}))

    def test_nothing_is_not_found(self):
        self.assertEqual(answer("/nothing")[0], 404)


if __name__ == "__main__":
    unittest.main()
