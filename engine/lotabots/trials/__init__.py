"""Policy tests: run them, judge what was decided, and say what no test looks at. Pure."""
