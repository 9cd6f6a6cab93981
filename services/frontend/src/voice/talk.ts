import { ApiError, call } from "@/client/api";
import type { components } from "@/contracts/audio";
import { CAPTURE_ADDRESS, CAPTURE_NAME } from "./capture";
import { readMessage, type Message } from "./messages";
import { Framer } from "./sound";
import { Speaker } from "./speaker";

type Ticket = components["schemas"]["LiveTicket"];

/** One frame of the microphone: what is usual for speech (docs/live-voice.md has 20 to 100 ms). */
const FRAME_SECONDS = 0.04;
/** Sound that the network has not taken is dropped above this: half a second. */
const WAITING_BYTES_MAX = 16_000;

export type Told = {
  message: (message: Message) => void;
  speaking: (speaking: boolean) => void;
  /** It is over; with an error when it broke. */
  over: (error?: unknown) => void;
};

/** The microphone could not be used: there is none, or the person or the browser does not let the page. */
export class NoMicrophoneError extends Error {
  override readonly name = "NoMicrophoneError";
}

/** One conversation by voice: microphone, WebSocket and loudspeaker, from `begin` to `end`. */
export class Talk {
  private readonly context = new AudioContext();
  private socket: WebSocket | null = null;
  private microphone: MediaStream | null = null;
  private speaker: Speaker | null = null;
  private isOver = false;

  constructor(private readonly told: Told) {}

  /** Asks for the microphone, then for a ticket: it is good for a minute only. */
  async begin(): Promise<void> {
    try {
      this.microphone = await listen();
      const ticket = await call<Ticket>("POST", "/api/audio/live");
      if (this.isOver) return;
      await this.context.resume();
      await this.context.audioWorklet.addModule(CAPTURE_ADDRESS);
      this.connect(ticket);
    } catch (error) {
      this.close(error);
    }
  }

  /** Says that the person is done, and lets go of microphone and connection. */
  end(): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "end" }));
    this.close();
  }

  private connect({ url }: Ticket): void {
    const socket = new WebSocket(new URL(url, window.location.href).href.replace(/^http/, "ws"));
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => this.received(data);
    socket.onclose = ({ wasClean }) => this.close(wasClean ? undefined : new ApiError(0, "", "unreachable"));
    this.socket = socket;
    if (this.isOver) socket.close();
  }

  private received(data: ArrayBuffer | string): void {
    if (typeof data !== "string") {
      this.speaker?.play(data);
      return;
    }
    const message = readMessage(data);
    if (!message) return;
    if (message.type === "ready") {
      this.speaker = new Speaker(this.context, message.output_rate, this.told.speaking);
      this.send(message.input_rate);
    }
    if (message.type === "interrupted") this.speaker?.silence();
    this.told.message(message);
  }

  private send(rate: number): void {
    if (!this.microphone) return;
    const framer = new Framer(this.context.sampleRate, rate, FRAME_SECONDS);
    const capture = new AudioWorkletNode(this.context, CAPTURE_NAME, { numberOfOutputs: 0 });
    this.context.createMediaStreamSource(this.microphone).connect(capture);
    capture.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
      for (const frame of framer.push(data)) {
        const socket = this.socket;
        if (socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < WAITING_BYTES_MAX) socket.send(frame);
      }
    };
  }

  private close(error?: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.speaker?.silence();
    this.socket?.close(1000);
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    void this.context.close();
    this.told.over(error);
  }
}

async function listen(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (cause) {
    throw new NoMicrophoneError("the microphone cannot be used", { cause });
  }
}
