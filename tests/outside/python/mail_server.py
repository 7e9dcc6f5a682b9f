"""A mail server for tests: aiosmtpd with STARTTLS demanded and a log-in demanded, on loopback.

mail_server.py PORT CERTIFICATE KEY FOLDER prints "ready PORT", then puts each message into FOLDER as it arrives, before it is
acknowledged, as N.eml with what SMTP said of it in its first lines. A file FOLDER/hold keeps the acknowledgement back until it is
gone; a file FOLDER/defer answers 451 and keeps nothing.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = b"grantbook", b"correct horse"


class Keeper:
    def __init__(self, folder):
        self.folder = folder
        self.deferred = 0

    async def handle_DATA(self, server, session, envelope):
        if (self.folder / "defer").exists():
            self.deferred += 1
            (self.folder / "deferred").write_text(str(self.deferred))
            return "451 try again later"
        number = len(list(self.folder.glob("*.eml")))
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {','.join(envelope.rcpt_tos)}\r\n"
        part = self.folder / "part"
        part.write_bytes(head.encode() + envelope.content)
        part.rename(self.folder / f"{number:03}.eml")
        while (self.folder / "hold").exists():
            await asyncio.sleep(0.02)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, auth_data):
    known = isinstance(auth_data, LoginPassword) and (auth_data.login, auth_data.password) == (USER, PASSWORD)
    return AuthResult(success=known)


def main(port, certificate, key, folder):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    controller = Controller(
        Keeper(pathlib.Path(folder)),
        hostname="127.0.0.1",
        port=int(port),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    controller.start()
    print(f"ready {controller.server.sockets[0].getsockname()[1]}", flush=True)
    sys.stdin.read()


main(*sys.argv[1:])
