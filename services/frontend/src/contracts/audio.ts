// Written by `npm run contracts` from docs/api; do not edit.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * CreateRecording
         * @description Body of `POST /api/audio`: what the caller is about to upload, and its language as BCP-47.
         */
        CreateRecording: {
            /** Content Type */
            content_type: string;
            /** Filename */
            filename: string;
            /** Language */
            language?: string | null;
            /** Size Bytes */
            size_bytes: number;
        };
        /** @enum {string} */
        Ending: "left" | "ended" | "idle" | "limit" | "expired" | "draining" | "deleted" | "refused" | "failed";
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
         * JudgedSentiment
         * @description The sentiment of a whole transcript; `basis` says what judged it.
         */
        JudgedSentiment: {
            /** Basis */
            basis: string;
            label: components["schemas"]["SentimentLabel"];
            /** Score */
            score: number;
        };
        /**
         * LiveConversationView
         * @description Answer of `GET /api/speaking-sessions/{id}`: the last `TURNS_SHOWN_MAX` turns, oldest first.
         */
        LiveConversationView: {
            created_at: components["schemas"]["Timestamp"];
            /** Id */
            id: string;
            reason?: components["schemas"]["Ending"] | null;
            status: components["schemas"]["LiveStatus"];
            /** Transcript */
            transcript: components["schemas"]["LiveTurnView"][];
            /** Turns */
            turns: number;
            updated_at: components["schemas"]["Timestamp"];
        };
        /** @enum {string} */
        LiveStatus: "open" | "ended";
        /**
         * LiveTicket
         * @description Answer of `POST /api/audio/live`: opens one WebSocket, once, until `expires_at`.
         *
         *     `url` is relative to the site, as a browser's `WebSocket` and `new URL(url, location)` take it.
         */
        LiveTicket: {
            expires_at: components["schemas"]["Timestamp"];
            /** Url */
            url: string;
        };
        /**
         * LiveTurnView
         * @description A turn as its owner sees it: `tools` are those whose results the model had when it spoke.
         */
        LiveTurnView: {
            created_at: components["schemas"]["Timestamp"];
            /** Interrupted */
            interrupted: boolean;
            role: components["schemas"]["Speaker"];
            /** Text */
            text: string;
            /** Tools */
            tools: string[];
        };
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
         * RecordingCreated
         * @description Answer of `POST /api/audio`.
         */
        RecordingCreated: {
            /** Id */
            id: string;
            upload: components["schemas"]["Upload"];
        };
        /** @enum {string} */
        RecordingStatus: "awaiting_upload" | "processing" | "completed" | "failed";
        /**
         * RecordingSummary
         * @description A recording as its owner sees it. `duration_seconds` is null until the content was inspected.
         */
        RecordingSummary: {
            created_at: components["schemas"]["Timestamp"];
            /** Duration Seconds */
            duration_seconds?: number | null;
            /** Filename */
            filename: string;
            /** Id */
            id: string;
            /** Language */
            language?: string | null;
            /** Reason */
            reason?: string | null;
            status: components["schemas"]["RecordingStatus"];
        };
        /**
         * Sentiment
         * @description How something sounds: a score from -1, very negative, to 1, very positive.
         */
        Sentiment: {
            label: components["schemas"]["SentimentLabel"];
            /** Score */
            score: number;
        };
        /** @enum {string} */
        SentimentLabel: "positive" | "negative" | "neutral" | "mixed";
        /** @enum {string} */
        Speaker: "user" | "assistant";
        Timestamp: string;
        /**
         * Transcript
         * @description The transcript document, stored in the content bucket and answered by the API.
         *
         *     It is stored without sentiment, which has a document of its own and stands in the API's answer only.
         */
        Transcript: {
            /** Language */
            language: string;
            /** Segments */
            segments: components["schemas"]["TranscriptSegment"][];
            sentiment?: components["schemas"]["JudgedSentiment"] | null;
            /** Text */
            text: string;
        };
        /**
         * TranscriptSegment
         * @description A stretch of speech: seconds from the start of the recording, confidence from 0 to 1.
         *
         *     Where Nova Sonic is the engine it is a part of up to a minute, without speaker and confidence.
         *     `sentiment` is there once it was judged, which follows the transcript.
         */
        TranscriptSegment: {
            /** Confidence */
            confidence?: number | null;
            /** End */
            end: number;
            sentiment?: components["schemas"]["Sentiment"] | null;
            /** Speaker */
            speaker?: string | null;
            /** Start */
            start: number;
            /** Text */
            text: string;
        };
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
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
