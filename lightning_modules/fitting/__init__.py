"""One fit of a model: settings in, trained weights and a report out; on one device or several."""
