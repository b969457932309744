"""The cases exercise what they are named for."""


def check_coverage(cases):
    for case in cases:
        assert case.smallest_margin >= 1e-3, case.name
    capacity = [case.tensors for case in cases if case.kind == "capacity"]
    assert any((tensors["output.counts"] == 0).any() for tensors in capacity), "no expert without tokens"
    assert any((tensors["output.kept"] == 0).any() for tensors in capacity), "no drop"
    orders = [case.name for case in cases if case.kind == "capacity" and case.name.endswith(("-choice", "-token"))]
    assert len({name.rsplit("-", 1)[0] for name in orders}) == 3 and len(orders) == 6, orders

    layers = [case for case in cases if case.kind in ("pair", "everyBlock", "moe")]
    for case in layers:
        assert not case.config["capacityFactor"] or (case.tensors["output.kept"] == 0).any(), case.name
    for option, values in {"mix": ("add", "cg1", "cg2"), "shortcutNorm": ("shared", "own", "none")}.items():
        scmoe = [case.config for case in layers if case.config["layer"] == "scmoe"]
        seen = {(config["position"], config[option]) for config in scmoe}
        assert {(position, value) for position in ("pos1", "pos2", "pos3") for value in values} <= seen, option
