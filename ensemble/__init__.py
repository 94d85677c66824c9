"""Members, panel and measures of disagreement for one yes/no question about texts.

A plain library: nothing here knows about Ray, Redis or HTTP, and a notebook can use all of it.
"""
