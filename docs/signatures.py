"""Show functions of a model as they are called: the data may be left out, since the model knows its own."""

from typing import Any

import griffe


class OwnData(griffe.Extension):
    """Move ``data`` to the end of each signature behind ``on_own_data``, as an option."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Do so where the decorator stands; the model comes first, its data second."""
        if not any(str(decorator.value) == "on_own_data" for decorator in func.decorators):
            return
        model, own, *rest = func.parameters
        option = griffe.Parameter(
            own.name,
            annotation=griffe.ExprBinOp(own.annotation or "Dataset", "|", "None"),
            kind=griffe.ParameterKind.keyword_only,
            default="None",
        )
        place = next((n for n, each in enumerate(rest) if each.kind is griffe.ParameterKind.var_keyword), len(rest))
        func.parameters = griffe.Parameters(model, *rest[:place], option, *rest[place:])
