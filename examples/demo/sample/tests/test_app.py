from shop.app import answer


def test_it_says_that_it_is_well():
    status, content = answer("GET", "/healthz")
    assert (status, content["status"]) == (200, "ok")


def test_a_cart_has_a_price():
    status, content = answer("POST", "/total", b'{"bread": 2}')
    assert (status, content["cents"]) == (200, 640)


def test_what_is_no_cart_is_refused():
    assert answer("POST", "/total", b"[1]")[0] == 400
    assert answer("POST", "/total", b'{"moon": 1}')[0] == 422


def test_there_is_nothing_else():
    assert answer("GET", "/") == (404, {"error": "not found"})
