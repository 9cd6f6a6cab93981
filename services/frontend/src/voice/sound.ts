const FULL_SCALE = 32_767;

/**
 * Turns the microphone's samples into those of the protocol: another rate, 16 bits, and frames of one size. What
 * does not fill a frame waits for the next block.
 */
export class Framer {
  private readonly frame: Int16Array<ArrayBuffer>;
  private filled = 0;
  private sum = 0;
  private count = 0;
  /** How far the sample under way is, in samples of the source. */
  private passed = 0;
  private readonly step: number;

  constructor(sourceRate: number, rate: number, frameSeconds: number) {
    this.step = sourceRate / rate;
    this.frame = new Int16Array(Math.round(rate * frameSeconds));
  }

  /** Takes a block and returns the frames that it completes. Each sample is the mean of those it stands for. */
  push(block: Float32Array): ArrayBuffer[] {
    const frames: ArrayBuffer[] = [];
    for (const value of block) {
      this.sum += value;
      this.count += 1;
      this.passed += 1;
      // Once for each sample that ends here: more than once where the source is the slower one.
      while (this.passed >= this.step) {
        this.passed -= this.step;
        this.frame[this.filled] = sample(this.count > 0 ? this.sum / this.count : value);
        this.filled += 1;
        if (this.passed < this.step) [this.sum, this.count] = [0, 0];
        if (this.filled === this.frame.length) {
          frames.push(this.frame.slice().buffer);
          this.filled = 0;
        }
      }
    }
    return frames;
  }
}

function sample(value: number): number {
  return Math.round(Math.max(-1, Math.min(1, value)) * FULL_SCALE);
}

/** Samples of the protocol as the browser plays them. A half sample at the end is left out. */
export function playable(frame: ArrayBuffer): Float32Array<ArrayBuffer> {
  const samples = new Int16Array(frame, 0, Math.floor(frame.byteLength / 2));
  return Float32Array.from(samples, (value) => value / FULL_SCALE);
}
