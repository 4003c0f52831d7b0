"""Where the lab's scheduler puts pods."""

from nfvi_ha.lab.cluster.affinity import preferred_terms, required_terms, spread_terms
from nfvi_ha.lab.cluster.placement import NodeSlot, PodSlot, Requests, Unschedulable, node_slot, place, pod_slot

HOST = "kubernetes.io/hostname"
ZONE = "zone"


def node(
    name: str, *, cpu: int = 1000, memory: int = 1000, pods: int = 10, zone: str = "a", **changes: object
) -> NodeSlot:
    return NodeSlot(name, {HOST: name, ZONE: zone}, Requests(cpu, memory, pods), **changes)  # type: ignore[arg-type]


def pod(uid: str, *, cpu: int = 100, memory: int = 100, at: str = "", **changes: object) -> PodSlot:
    return PodSlot(uid, "ns", {"app": "vnf"}, Requests(cpu, memory), node=at, **changes)  # type: ignore[arg-type]


def selector(app: str = "vnf") -> dict[str, object]:
    return {"labelSelector": {"matchLabels": {"app": app}}}


def required(app: str = "vnf", key: str = HOST) -> tuple[object, ...]:
    return required_terms({"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": key, **selector(app)}]})


def test_the_emptiest_node_is_taken() -> None:
    assert place(pod("new"), [node("a"), node("b")], [pod("x", at="a")]) == "b"


def test_ties_are_broken_by_name() -> None:
    assert place(pod("new"), [node("b"), node("a")], []) == "a"


def test_requests_of_all_pods_on_a_node_count() -> None:
    nodes = [node("a", memory=250)]
    assert place(pod("new"), nodes, [pod("x", at="a")]) == "a"
    full = place(pod("new"), nodes, [pod("x", at="a"), pod("y", at="a")])
    assert full == Unschedulable("0/1 nodes are available: 1 Insufficient memory.")


def test_cpu_and_pod_count_are_limits_too() -> None:
    nodes = [node("a", cpu=50), node("b", pods=0)]
    assert place(pod("new"), nodes, []) == Unschedulable(
        "0/2 nodes are available: 1 Insufficient cpu, 1 Too many pods."
    )


def test_cordoned_and_tainted_nodes_are_left_out_unless_tolerated() -> None:
    tainted = node("a", taints=(("gone", "", "NoExecute"),))
    nodes = [tainted, node("b", unschedulable=True)]
    assert isinstance(place(pod("new"), nodes, []), Unschedulable)
    assert place(pod("new", tolerations=({"key": "gone", "operator": "Exists"},)), nodes, []) == "a"
    assert isinstance(
        place(pod("new", tolerations=({"key": "gone", "operator": "Exists", "effect": "NoSchedule"},)), nodes, []),
        Unschedulable,
    )


def test_node_selector_must_match() -> None:
    assert place(pod("new", node_selector={ZONE: "b"}), [node("a"), node("b", zone="b")], []) == "b"


def test_required_anti_affinity_keeps_pods_apart() -> None:
    nodes = [node("a"), node("b")]
    first = pod("x", at="a", anti_affinity=required())
    assert place(pod("new", anti_affinity=required()), nodes, [first]) == "b"
    refused = place(pod("new", anti_affinity=required()), nodes, [first, pod("y", at="b")])
    assert isinstance(refused, Unschedulable)
    assert "anti-affinity" in refused.message


def test_anti_affinity_of_those_already_there_counts_as_well() -> None:
    nodes = [node("a"), node("b")]
    assert place(pod("new"), nodes, [pod("x", at="a", anti_affinity=required()), pod("y", at="b")]) == "b"


def test_anti_affinity_is_about_its_own_namespace_and_labels() -> None:
    nodes = [node("a")]
    assert place(pod("new", anti_affinity=required("other")), nodes, [pod("x", at="a")]) == "a"


def test_preferred_anti_affinity_outweighs_load_and_yields_to_need() -> None:
    rules = {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 100, "podAffinityTerm": {"topologyKey": HOST, **selector()}}
        ]
    }
    busy = PodSlot("busy", "ns", {"app": "other"}, Requests(800, 800), node="b")
    new = pod("new", preferred=preferred_terms(rules))
    assert place(new, [node("a"), node("b")], [pod("x", at="a"), busy]) == "b"
    assert place(new, [node("a")], [pod("x", at="a")]) == "a"


def test_required_affinity_gathers_and_lets_the_first_in() -> None:
    nodes = [node("a"), node("b")]
    new = pod("new", affinity=required())
    assert place(new, nodes, []) == "a"
    assert place(new, nodes, [pod("x", at="b"), pod("y", at="b")]) == "b"


def test_spread_bounds_the_skew_between_zones() -> None:
    constraint = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", **selector()}
    nodes = [node("a"), node("b", zone="b", cpu=0)]
    new = pod("new", spread=spread_terms([constraint]))
    assert place(new, nodes, []) == "a"
    assert isinstance(place(new, nodes, [pod("x", at="a")]), Unschedulable)


def test_objects_are_read_as_the_scheduler_needs_them() -> None:
    slot = node_slot(
        {
            "metadata": {"name": "a", "labels": {HOST: "a"}},
            "spec": {"unschedulable": True, "taints": [{"key": "k", "effect": "NoSchedule"}]},
            "status": {"allocatable": {"cpu": "1500m", "memory": "1Ki", "pods": "7"}},
        }
    )
    assert slot == NodeSlot("a", {HOST: "a"}, Requests(1500, 1024, 7), (("k", "", "NoSchedule"),), unschedulable=True)
    body = {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
        "spec": {"containers": [{"resources": {"requests": {"cpu": "2", "memory": "1Mi"}}}]},
        "status": {"phase": "Pending"},
    }
    read = pod_slot(body)
    assert read is not None
    assert read.requests == Requests(2000, 2**20)
    assert pod_slot({**body, "status": {"phase": "Succeeded"}}) is None
