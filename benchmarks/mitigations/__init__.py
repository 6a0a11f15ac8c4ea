"""One file a method; each is found by the class_path of its YAML file in suites/mitigations."""
