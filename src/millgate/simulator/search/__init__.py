"""Searching as the tenant does it: the rules are data (`table`), one engine reads them (`query`, `matching`, `engine`, `paging`)."""
