"""A camera in the network: an RTSP server that plays an MPEG transport stream to one client, over TCP."""

import socketserver
import struct
import threading
from contextlib import contextmanager

PACKET = 7 * 188
"""Bytes of one RTP packet: whole packets of the transport stream."""
MP2T = 33
"""RTP's number of transport streams, with a clock of 90 kHz."""
SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 33\r\na=control:0\r\n"
)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while request := self._request():
            number = next(line.split(":")[1].strip() for line in request if line.lower().startswith("cseq"))
            method = request[0].split()[0]
            head, body = [], ""
            if method == "OPTIONS":
                head = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]
            elif method == "DESCRIBE":
                head, body = ["Content-Type: application/sdp"], SDP
            elif method == "SETUP":
                head = ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"]
            elif method == "PLAY":
                head = ["Session: 1"]
            lines = ["RTSP/1.0 200 OK", f"CSeq: {number}", *head, f"Content-Length: {len(body)}", "", body]
            self.wfile.write("\r\n".join(lines).encode())
            if method == "PLAY":
                self._play()
                if self.server.then_silent:
                    self.server.over.wait(30)
                return

    def _request(self):
        lines = []
        while (line := self.rfile.readline().decode().strip()) or not lines:
            if not line:
                return []
            lines.append(line)
        return lines

    def _play(self):
        stream = self.server.stream
        for number, start in enumerate(range(0, len(stream), PACKET)):
            packet = struct.pack("!BBHII", 0x80, MP2T, number, number * 900, 1) + stream[start : start + PACKET]
            self.wfile.write(struct.pack("!cBH", b"$", 0, len(packet)) + packet)


@contextmanager
def camera(stream, then_silent=False):
    """Yields the address of a camera that shows a stream once; then it hangs up, or is silent."""
    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        server.stream, server.then_silent, server.over = stream, then_silent, threading.Event()
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"rtsp://127.0.0.1:{server.server_address[1]}/door"
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
