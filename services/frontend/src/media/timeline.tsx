"use client";

import type { components } from "@/contracts/video";
import { useI18n } from "@/i18n/provider";
import { clock } from "./times";

type Analysis = components["schemas"]["VideoAnalysis"];
export type Anomaly = components["schemas"]["Anomaly"];

const WIDTH = 1000;
const HEIGHT = 56;

type Props = { analysis: Analysis; duration: number; place: number; seek: (seconds: number) => void };

/**
 * The whole video from left to right: scenes below, anomalies above, and where it is played. It is for the eye and
 * the mouse; the lists beside it say the same to everybody.
 */
export function Timeline({ analysis, duration, place, seek }: Props) {
  const { t } = useI18n();
  const at = (seconds: number): number => (Math.min(Math.max(seconds, 0), duration) / duration) * WIDTH;
  const wide = (start: number, end: number): number => Math.max(at(end) - at(start) - 2, 3);
  return (
    <svg
      role="img"
      aria-label={t("media.timeline", { scenes: analysis.scenes.length, anomalies: analysis.anomalies.length })}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      className="h-14 w-full cursor-pointer rounded-md bg-panel"
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        seek(((event.clientX - box.left) / box.width) * duration);
      }}
    >
      {analysis.scenes.map((scene) => (
        <rect key={scene.start} x={at(scene.start)} y={26} width={wide(scene.start, scene.end)} height={26} rx={4} className="fill-raised stroke-edge">
          <title>{`${clock(scene.start)} ${scene.description}`}</title>
        </rect>
      ))}
      {analysis.anomalies.map((anomaly) => (
        <rect key={`${anomaly.kind}-${anomaly.start}`} x={at(anomaly.start)} y={6} width={wide(anomaly.start, anomaly.end)} height={14} rx={4} className="fill-danger">
          <title>{`${clock(anomaly.start)} ${anomaly.description}`}</title>
        </rect>
      ))}
      <rect x={Math.min(at(place), WIDTH - 3)} y={0} width={3} height={HEIGHT} className="fill-accent" />
    </svg>
  );
}
