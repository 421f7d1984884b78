"""What an environment is set to: redirect URIs, origins of scripts, and the key set."""

from sdk_kit import CLIENT_ID, OLD, VERSION, fetch


async def redirect_uris(k):
    if OLD:  # which has no method for it
        return
    uri = f"http://127.0.0.1:5999/{'async' if k.asynchronous else 'sync'}/callback"
    url = await k.users.get_authorization_url(
        redirect_uri=uri, provider="authkit", state="s"
    )
    status, location, page = fetch(url)
    assert status == 400 and location is None, (status, location)
    made = await k.users.create_redirect_uri(uri=uri)
    assert made.uri == uri and made.default in (False, True), made
    status, _, page = fetch(url)
    assert status == 200, (status, page)
    await k.refused(k.users.create_redirect_uri(uri=uri), 422)
    await k.refused(k.users.create_redirect_uri(uri="nowhere"), 422)
    if VERSION >= (9,):
        for number in range(3):
            await k.users.create_redirect_uri(uri=f"{uri}/{number}")
        every = (await k.users.list_redirect_uris(limit=100)).data
        assert made.id in [one.id for one in every], every
        await k.pages(k.users.list_redirect_uris, len(every))
    if VERSION >= (10,):
        await k.users.delete_redirect_uris(made.id)
        assert fetch(url)[0] == 400
        await k.refused(k.users.delete_redirect_uris(made.id), 404)


async def cors_origins(k):
    if OLD:
        return
    origin = f"http://{'async' if k.asynchronous else 'sync'}.example.test:5173"
    made = await k.users.create_cors_origin(origin=origin)
    assert made.origin == origin, made
    await k.refused(k.users.create_cors_origin(origin=origin), 409)
    await k.refused(k.users.create_cors_origin(origin="nowhere"), 422)
    if VERSION >= (9,):
        every = (await k.users.list_cors_origins(limit=100)).data
        assert made.id in [one.id for one in every], every
        await k.pages(k.users.list_cors_origins, len(every))


async def key_set(k):
    url = await (k.users.get_jwks_url() if OLD else k.users.get_jwks_url(CLIENT_ID))
    status, _, body = fetch(url)
    assert status == 200 and '"keys"' in body, (status, body)
    if OLD:
        return
    (key,) = (await k.users.get_jwks(CLIENT_ID)).keys
    assert (key.alg, key.kty, key.use) == ("RS256", "RSA", "sig"), key
    assert key.kid and key.n and key.e and key.x_5_c and key.x_5_t_s_256, key
    await k.refused(k.users.get_jwks("client_nobody"), 404)
