// Written by `npm run contracts` from docs/api; do not edit.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Anomaly
         * @description Something in a video that should not be there, or is not as it should be.
         */
        Anomaly: {
            /** @description What is wrong, in one or two sentences. */
            description: components["schemas"]["Text"];
            /** @description Seconds from the start of the video at which it ends. */
            end: components["schemas"]["Moment"];
            /**
             * Kind
             * @description A short name of this kind of anomaly in snake_case, such as black_picture or fire.
             */
            kind: string;
            /** @description LOW: worth noting. MEDIUM: somebody should look at it. HIGH: it needs attention soon. CRITICAL: there is danger or it needs attention now. */
            severity: components["schemas"]["AnomalySeverity"];
            /** @description Seconds from the start of the video at which it begins. */
            start: components["schemas"]["Moment"];
        };
        /** @enum {string} */
        AnomalySeverity: "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";
        Base64: string;
        /**
         * CreateVideo
         * @description Body of `POST /api/video`: what the caller is about to upload.
         */
        CreateVideo: {
            /** Content Type */
            content_type: string;
            /** Filename */
            filename: string;
            /** Size Bytes */
            size_bytes: number;
        };
        /**
         * Fault
         * @description A fault of the input: a JSON pointer into the body, or a parameter's name.
         */
        Fault: {
            /** Code */
            code: string;
            /** Detail */
            detail: string;
            /**
             * Parameter
             * @default null
             */
            parameter: string | null;
            /**
             * Pointer
             * @default null
             */
            pointer: string | null;
        };
        /**
         * KeyFrame
         * @description A picture of a video, as JPEG: at `at` seconds from its start, in scene number `scene` of the analysis.
         *
         *     A video that was not told apart into scenes has one without a number.
         */
        KeyFrame: {
            at: components["schemas"]["Moment"];
            image: components["schemas"]["Base64"];
            /** Scene */
            scene?: number | null;
        };
        /**
         * KeyFrames
         * @description The document of key frames: stored in the content bucket beside the analysis, read by the indexer.
         */
        KeyFrames: {
            /** Frames */
            frames: components["schemas"]["KeyFrame"][];
        };
        Moment: number;
        /**
         * Playback
         * @description Where the content of a recording or video is read: by GET, in ranges too, until `expires_at`.
         */
        Playback: {
            /** Content Type */
            content_type: string;
            expires_at: components["schemas"]["Timestamp"];
            /** Url */
            url: string;
        };
        /**
         * ProblemDocument
         * @description A problem (RFC 9457).
         */
        ProblemDocument: {
            /** Detail */
            detail: string;
            /** Errors */
            errors?: components["schemas"]["Fault"][];
            /** Instance */
            instance: string;
            /**
             * Request Id
             * @default null
             */
            request_id: string | null;
            /** Status */
            status: number;
            /** Title */
            title: string;
            /** Type */
            type: string;
        };
        /**
         * Scene
         * @description What is seen in a part of a video.
         */
        Scene: {
            /** @description What is seen and what happens, in one to three sentences. */
            description: components["schemas"]["Text"];
            /** @description Seconds from the start of the video at which it ends. */
            end: components["schemas"]["Moment"];
            /** @description Seconds from the start of the video at which it begins. */
            start: components["schemas"]["Moment"];
        };
        Text: string;
        Timestamp: string;
        /**
         * Upload
         * @description How to send the content: one request with this method, URL and headers, body of the declared size.
         *
         *     The size is signed too; every HTTP client sends `Content-Length` by itself, and browsers forbid setting
         *     it.
         */
        Upload: {
            /** Headers */
            headers: {
                [key: string]: string;
            };
            /**
             * Method
             * @default PUT
             * @constant
             */
            method: "PUT";
            /** Url */
            url: string;
        };
        /**
         * VideoAnalysis
         * @description The analysis document: stored in the content bucket, answered by the API, demanded of the model.
         */
        VideoAnalysis: {
            /**
             * Anomalies
             * @description What is wrong or out of place; empty when nothing is.
             */
            anomalies: components["schemas"]["Anomaly"][];
            /**
             * Scenes
             * @description The scenes in order, which together cover the whole video.
             */
            scenes: components["schemas"]["Scene"][];
            /**
             * Summary
             * @description What the video shows, in two to five sentences.
             */
            summary: string;
        };
        /**
         * VideoCreated
         * @description Answer of `POST /api/video`.
         */
        VideoCreated: {
            /** Id */
            id: string;
            upload: components["schemas"]["Upload"];
        };
        /** @enum {string} */
        VideoStatus: "awaiting_upload" | "processing" | "completed" | "failed";
        /**
         * VideoSummary
         * @description A video as its owner sees it. `duration_seconds` is null until the content was inspected.
         *
         *     `anomalies` counts those that the analysis found.
         */
        VideoSummary: {
            /** Anomalies */
            anomalies?: number | null;
            created_at: components["schemas"]["Timestamp"];
            /** Duration Seconds */
            duration_seconds?: number | null;
            /** Filename */
            filename: string;
            /** Id */
            id: string;
            /** Reason */
            reason?: string | null;
            status: components["schemas"]["VideoStatus"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
