"""aira-dsl: an architecture language, its compiler, a proxy evaluator and a search.

    import aira_dsl

    architecture = aira_dsl.load("model.arch")
    print(aira_dsl.cost(architecture).parameters)
    model = aira_dsl.build(architecture)
    result = aira_dsl.search(aira_dsl.Space.default(), budget=50)

Names are imported on first use, so that `import aira_dsl` is cheap and torch is loaded only by what
needs it. The list of names is `__init__.pyi`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
