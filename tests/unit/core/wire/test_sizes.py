"""Nobody can use us to multiply traffic: no answer is longer than its question."""

from dataclasses import replace

from hypothesis import given

from nfvi_ha.core.wire.answer import Answer, encode_answer
from nfvi_ha.core.wire.beat import Beat, encode_beat
from nfvi_ha.core.wire.echo import (
    EchoReply,
    EchoRequest,
    decode_echo_reply,
    encode_echo_reply,
    encode_echo_request,
)
from nfvi_ha.core.wire.frame import FrameKind
from nfvi_ha.core.wire.probe import (
    Found,
    Method,
    Outcome,
    ProbeRequest,
    ProbeResult,
    encode_probe_request,
    encode_probe_result,
)
from tests.unit.core.wire.frames import ANSWERS, BEATS, CLUSTER, KEY, KEY_ID, NAMES, PROBE_REQUESTS, number
from tests.unit.core.wire.samples import SAMPLES


@given(beat=BEATS, answer=ANSWERS)
def test_an_answer_is_shorter_than_the_shortest_beat(beat: Beat, answer: Answer) -> None:
    shortest = encode_beat(replace(beat, node="n", faults=b""), KEY, KEY_ID, CLUSTER)
    assert len(encode_answer(answer, KEY, KEY_ID, CLUSTER)) < len(shortest)


@given(node=NAMES, nonce=number(64))
def test_an_echo_is_as_long_as_its_question_and_both_at_least_64_bytes(node: str, nonce: int) -> None:
    question = encode_echo_request(EchoRequest(node, nonce), CLUSTER)
    assert len(encode_echo_reply(EchoReply(node, nonce), KEY, KEY_ID, CLUSTER)) == len(question) >= 64


@given(request=PROBE_REQUESTS)
def test_a_probe_result_with_all_methods_is_not_longer_than_its_request(request: ProbeRequest) -> None:
    results = tuple(Found(target.network, method, Outcome.SILENT) for target in request.targets for method in Method)
    result = ProbeResult(request.node, request.request_id, request.target, results)
    asked = encode_probe_request(request, KEY, KEY_ID, CLUSTER)
    assert len(encode_probe_result(result, KEY, KEY_ID, CLUSTER)) <= len(asked)


def test_a_peer_without_a_key_reads_the_nonce() -> None:
    reply = SAMPLES[FrameKind.ECHO_REPLY]
    assert decode_echo_reply(encode_echo_reply(reply, KEY, KEY_ID, CLUSTER), None, CLUSTER) == reply
