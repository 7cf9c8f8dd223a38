"""Ids are hashes of what a thing is: the same in every version, whichever encoder wrote the text that is hashed."""

import hashlib

from hypothesis import example, given
from hypothesis import strategies as st

from catalog.ids import canonical_json, completion_key, digest, seed_for, task_id

PARTS = st.lists(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.lists(st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False))
)


@given(PARTS)
@example(['\x00\x07\x1f\x7f\u2028é𝄞"\\/', -(2**63), 2**64])
@example(["\ud800", 1])
@example([1e16, 5e-324, True])
def test_a_digest_is_the_hash_of_the_canonical_json(parts):
    text = canonical_json(parts).encode("utf-8", "surrogatepass")
    assert digest(*parts) == hashlib.blake2b(text, digest_size=16).hexdigest()


def test_ids_of_old_stores_stay_valid():
    assert task_id("math", "1 + 1 = ?", "2", "math", "{}") == "t913bb19263a6ee62d3b79b21b8a5835e"
    assert (
        completion_key("t0", "sample", 3, "tiny@1", "Q: é\n", '{"temperature":0.6}', 7)
        == "c316096880c3457c7bcc82317036e049c"
    )
    assert seed_for(11, "sample", ["t0", 0]) == 4111974434928215810
