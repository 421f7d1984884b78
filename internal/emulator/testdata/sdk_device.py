"""Sign-ins that begin where there is no browser (RFC 8628)."""

import os

from sdk_kit import BASE, CLIENT_ID, OLD, Form, clock, fetch, resubmit

EMAIL, PASSWORD = os.environ["EMAIL"], os.environ["PASSWORD"]


def begin(k):
    return k.users.create_device(client_id=CLIENT_ID)


def ask(k, device):
    return k.users.authenticate_with_device_code(device_code=device.device_code)


def open_page(device):
    """Send the code that the device shows, as its user, and return the page to sign in on."""
    status, _, page = fetch(device.verification_uri_complete)
    assert status == 200, (status, page)
    assert Form(page).values["user_code"] == device.user_code, page
    status, _, page = fetch(f"{BASE}/device", {"user_code": device.user_code})
    assert status == 200, (status, page)
    return page


async def approved(k):
    if OLD:  # which has no method for it
        return
    device = await begin(k)
    assert len(device.user_code) == 9 and device.user_code[4] == "-", device
    assert device.verification_uri == f"{BASE}/device", device
    assert device.expires_in == 300 and device.interval == 5, device
    with clock(0, stopped=True):
        await k.refused(ask(k, device), 400, error="authorization_pending")
        await k.refused(ask(k, device), 400, error="slow_down")

    page = open_page(device)
    status, _, page = resubmit(page, action="sign-in", email=EMAIL, password=PASSWORD)
    assert status == 200 and "device" in page.lower(), (status, page)
    with clock(30):
        await k.refused(ask(k, device), 400, error="authorization_pending")
    status, _, page = resubmit(page, action="consent")
    assert status == 200, (status, page)
    answer = await ask(k, device)
    assert answer.user.email == EMAIL and answer.access_token, answer
    await k.refused(ask(k, device), 400, error="invalid_grant")

    # A device has no secret, and refreshes without one.
    public = k.other(client_id=CLIENT_ID, is_public=True)
    again = await public.users.authenticate_with_refresh_token(
        refresh_token=answer.refresh_token
    )
    assert again.user.id == answer.user.id, again


async def denied(k):
    if OLD:
        return
    device = await begin(k)
    status, _, page = resubmit(open_page(device), action="cancel")
    assert status == 200, (status, page)
    await k.refused(ask(k, device), 400, error="access_denied")


async def expired(k):
    if OLD:
        return
    device = await begin(k)
    with clock(301):
        await k.refused(ask(k, device), 400, error="expired_token")
        status, _, _ = fetch(f"{BASE}/device", {"user_code": device.user_code})
        assert status == 422, status


async def refused(k):
    if OLD:
        return
    await k.refused(
        k.users.create_device(client_id="client_nobody"), 400, error="invalid_client"
    )
    error = k.users.authenticate_with_device_code(device_code="made-up")
    await k.refused(error, 400, error="invalid_grant")
    status, _, _ = fetch(f"{BASE}/device", {"user_code": "BBBB-BBBB"})
    assert status == 422, status
