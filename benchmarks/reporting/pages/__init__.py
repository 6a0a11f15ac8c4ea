"""Static pages that open from disk, and the figures that page and paper share: Vega-Lite specifications."""
