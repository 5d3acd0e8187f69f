"""Publishing: what a saved run looks like to people: the page, the workbook, the layers.

Takes: the folder of a run.   Gives: `map.html`, `report.xlsx`, `circle.gpkg`.
Never: computes a minute or a verdict, or imports a stage: a saved run can always be drawn again.
"""
