export const CAPTURE_ADDRESS = "/capture.js";
export const CAPTURE_NAME = "nova-capture";

/** Hands the microphone's sound on, block by block, from the thread that must not wait. */
export const CAPTURE_SOURCE = `registerProcessor("${CAPTURE_NAME}", class extends AudioWorkletProcessor {
  process([input]) {
    if (input && input[0]) this.port.postMessage(input[0].slice());
    return true;
  }
});
`;
