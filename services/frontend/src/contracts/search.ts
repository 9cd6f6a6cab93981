// Written by `npm run contracts` from docs/api; do not edit.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * AddDocument
         * @description Body of `POST /api/documents`: something to be found, a text or an image, under a title.
         */
        AddDocument: {
            image?: components["schemas"]["ImageContent"] | null;
            /** Text */
            text?: string | null;
            /** Title */
            title: string;
        } & ({
            image?: null;
            text: string;
        } | {
            image: string;
            text?: null;
        });
        Base64: string;
        /**
         * Document
         * @description A document as its owner sees it, and as it is stored: a text with its passages, or an image.
         */
        Document: {
            created_at: components["schemas"]["Timestamp-Output"];
            /** Id */
            id: string;
            image?: components["schemas"]["Base64"] | null;
            image_format?: components["schemas"]["ImageFormat"] | null;
            /** Passages */
            passages?: components["schemas"]["Span"][];
            /** Text */
            text?: string | null;
            /** Title */
            title: string;
        };
        /**
         * DocumentCreated
         * @description Answer of `POST /api/documents`: it is found as soon as it is indexed, within seconds.
         */
        DocumentCreated: {
            /** Id */
            id: string;
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
        /** @enum {string} */
        HitKind: "transcript" | "document" | "image" | "video" | "frame";
        ImageContent: components["schemas"]["Base64"];
        /** @enum {string} */
        ImageFormat: "png" | "jpeg" | "gif" | "webp";
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
         * SearchFilter
         * @description Which of the caller's own content is searched; all of it without members.
         *
         *     `since` and `until` limit when something was uploaded or added, both inclusive.
         */
        SearchFilter: {
            kind?: components["schemas"]["HitKind"] | null;
            /** Media Id */
            media_id?: string | null;
            since?: components["schemas"]["Timestamp-Input"] | null;
            until?: components["schemas"]["Timestamp-Input"] | null;
        };
        /**
         * SearchHit
         * @description A passage or an image of the caller's own that is near in meaning to what was looked for.
         *
         *     `id` is opaque, `media_id` names the recording, video or document. `score` is 1 minus the cosine distance:
         *     1 for the same direction, 0 for unrelated, -1 for the opposite. `start` and `end` are seconds from the
         *     start of a recording or video. `text` is what was said, written or seen; of an image, its title.
         */
        SearchHit: {
            /** End */
            end?: number | null;
            /** Id */
            id: string;
            kind: components["schemas"]["HitKind"];
            /** Media Id */
            media_id?: string | null;
            /** Score */
            score: number;
            /** Start */
            start?: number | null;
            /** Text */
            text: string;
            /** Title */
            title?: string | null;
        };
        /**
         * SearchRequest
         * @description Body of `POST /api/search`: a text or an image to look for, and how many hits a page has at most.
         *
         *     `cursor` is the `next_cursor` of a page of the same search.
         */
        SearchRequest: {
            /** Cursor */
            cursor?: string | null;
            filter?: components["schemas"]["SearchFilter"] | null;
            image?: components["schemas"]["ImageContent"] | null;
            /**
             * Limit
             * @default 10
             */
            limit: number;
            /** Text */
            text?: string | null;
        } & ({
            image?: null;
            text: string;
        } | {
            image: string;
            text?: null;
        });
        /**
         * SearchResult
         * @description Answer of `POST /api/search`: nearest first, none when nothing of the caller's own is indexed.
         *
         *     `next_cursor` is null on the last page; all pages together have at most `HITS_MAX` hits.
         */
        SearchResult: {
            /** Hits */
            hits: components["schemas"]["SearchHit"][];
            /** Next Cursor */
            next_cursor?: string | null;
        };
        /**
         * Span
         * @description A passage of a text: the places of its first character and of the one after its last.
         */
        Span: {
            /** End */
            end: number;
            /** Start */
            start: number;
        };
        /** Format: date-time */
        "Timestamp-Input": string;
        "Timestamp-Output": string;
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
