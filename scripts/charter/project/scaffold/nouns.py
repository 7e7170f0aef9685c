"""One of many, in English: a tag is a plural, a table's row is one of it."""

ENDINGS = (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"))


def singular(noun: str) -> str:
    """`pets` as `pet`, `categories` as `category`, `status` as it is."""
    for ending, one in ENDINGS:
        if noun.endswith(ending) and len(noun) > len(ending) + 1:
            return noun.removesuffix(ending) + one
    is_plural = noun.endswith("s") and not noun.endswith(("ss", "us", "is"))
    return noun.removesuffix("s") if is_plural else noun
