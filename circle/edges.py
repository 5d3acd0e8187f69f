"""What many stages ask of the table of edges.

Takes: edges and nodes, as a network has them or as a run saved them.   Gives: an answer for each edge, or the name of its way.
Never: searches, or changes an edge.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

FIXED = ("access", "mapped")  # words in an order of their own


def passable(edges: pd.DataFrame) -> NDArray[np.bool_]:
    """Which edges the walker can walk, in one direction at least.

    >>> passable(pd.DataFrame({"seconds_forward": [60.0, np.inf, np.inf], "seconds_backward": [60.0, 60.0, np.inf]})).tolist()
    [True, True, False]
    """
    return np.asarray(np.isfinite(np.minimum(edges["seconds_forward"].to_numpy(), edges["seconds_backward"].to_numpy())))


def end_rows(nodes: pd.DataFrame, edges: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the nodes that edges begin (`u`) and end (`v`) at. Every end must be among the nodes.

    >>> u, v = end_rows(pd.DataFrame({"node": [9, 4, 7]}), pd.DataFrame({"u": [4], "v": [9]}))
    >>> u.tolist(), v.tolist()
    ([1], [0])
    """
    ids = nodes["node"].to_numpy()
    order = np.argsort(ids, kind="stable")
    u, v = (order[np.searchsorted(ids, edges[end].to_numpy(), sorter=order)] for end in ("u", "v"))
    return u, v


def joined(table: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Two tables as one, columns of words by their codes: to spell every word out would take longer than all else that is done with them.

    Columns with an order of their own (`access`) keep their words; of the others those remain that occur, sorted.

    >>> both = joined(pd.DataFrame({"class": pd.Categorical(["steps", "path"])}), pd.DataFrame({"class": ["gate"]}))
    >>> both["class"].tolist(), both["class"].cat.categories.tolist()
    (['steps', 'path', 'gate'], ['gate', 'path', 'steps'])
    """
    words: dict[str, pd.Categorical] = {}
    for name in table.columns[table.dtypes == "category"]:
        mine, fresh = table[name].array, pd.Categorical(more[name].astype("str"))
        if name in FIXED:
            words[name] = union_categoricals([mine, pd.Categorical(fresh.astype(object), dtype=mine.dtype)])
        else:
            mine = mine.remove_unused_categories()
            words[name] = union_categoricals([mine.rename_categories(mine.categories.astype("str")), fresh], sort_categories=True)
    plain = [name for name in table.columns if name not in words]
    return pd.concat([table[plain], more[plain]], ignore_index=True).assign(**words)[list(table.columns)]


def osm_id(way: int) -> str:
    """OSM id of the way of an edge; a negative number is a relation's (a square with holes).

    >>> osm_id(7), osm_id(-7)
    ('way/7', 'relation/7')
    """
    return f"way/{way}" if way >= 0 else f"relation/{-way}"
