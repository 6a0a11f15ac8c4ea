"""What a study is, as YAML says it: suites, testbeds, scenarios and methods, typed and checked; free of torch."""
