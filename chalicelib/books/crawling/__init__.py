"""Reading a shop's pages, in a process of its own: what needs Scrapy and its parser.

Nobody imports this but that process: `crawl` starts it by name. The API's package has neither.
"""
