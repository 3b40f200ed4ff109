"""One file a statistic: the cells that it needs and how it is finished from them. `circuits/catalogue.py` lists them."""
