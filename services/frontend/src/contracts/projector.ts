// Written by `npm run contracts` from docs/api; do not edit.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @enum {string} */
        DocumentKind: "document" | "image";
        /**
         * DocumentPage
         * @description Answer of `GET /api/documents`: newest first. `next_cursor` is null on the last page.
         */
        DocumentPage: {
            /** Items */
            items: components["schemas"]["DocumentSummary"][];
            /** Next Cursor */
            next_cursor?: string | null;
        };
        /**
         * DocumentSummary
         * @description A document in its owner's list; what is in it, `GET /api/documents/{id}` gives.
         */
        DocumentSummary: {
            created_at: components["schemas"]["Timestamp"];
            /** Id */
            id: string;
            kind: components["schemas"]["DocumentKind"];
            /** Title */
            title: string;
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
         * LiveConversationPage
         * @description Answer of `GET /api/speaking-sessions`: newest first. `next_cursor` is null on the last page.
         */
        LiveConversationPage: {
            /** Items */
            items: components["schemas"]["LiveConversationSummary"][];
            /** Next Cursor */
            next_cursor?: string | null;
        };
        /**
         * LiveConversationSummary
         * @description A conversation in a list. `reason` is there once it ended.
         */
        LiveConversationSummary: {
            created_at: components["schemas"]["Timestamp"];
            /** Id */
            id: string;
            reason?: components["schemas"]["Ending"] | null;
            status: components["schemas"]["LiveStatus"];
            /** Turns */
            turns: number;
            updated_at: components["schemas"]["Timestamp"];
        };
        /** @enum {string} */
        LiveStatus: "open" | "ended";
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
         * RecordingPage
         * @description Answer of `GET /api/audio`: newest first. `next_cursor` is null on the last page.
         */
        RecordingPage: {
            /** Items */
            items: components["schemas"]["RecordingSummary"][];
            /** Next Cursor */
            next_cursor?: string | null;
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
         * SessionPage
         * @description Answer of `GET /api/sessions`: newest first. `next_cursor` is null on the last page.
         */
        SessionPage: {
            /** Items */
            items: components["schemas"]["SessionSummary"][];
            /** Next Cursor */
            next_cursor?: string | null;
        };
        /**
         * SessionSummary
         * @description A session in a list. `turns` counts all of them, also failed ones; each moves `updated_at`.
         */
        SessionSummary: {
            created_at: components["schemas"]["Timestamp"];
            /** Id */
            id: string;
            /** Turns */
            turns: number;
            updated_at: components["schemas"]["Timestamp"];
        };
        Timestamp: string;
        /**
         * VideoPage
         * @description Answer of `GET /api/video`: newest first. `next_cursor` is null on the last page.
         */
        VideoPage: {
            /** Items */
            items: components["schemas"]["VideoSummary"][];
            /** Next Cursor */
            next_cursor?: string | null;
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
