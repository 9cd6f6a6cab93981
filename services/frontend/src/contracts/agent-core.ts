// Written by `npm run contracts` from docs/api; do not edit.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
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
         * Note
         * @description What a person said and wants kept, in the person's own words.
         */
        Note: {
            created_at: components["schemas"]["Timestamp"];
            /** Id */
            id: string;
            /** Text */
            text: string;
        };
        /**
         * NoteList
         * @description Answer of `GET /api/memory`: all notes, newest first.
         */
        NoteList: {
            /** Items */
            items: components["schemas"]["Note"][];
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
         * QuotaState
         * @description How much of a month's quota is used: sent with an answer once that is a lot.
         */
        QuotaState: {
            /** Month */
            month: string;
            /** Quota Usd */
            quota_usd: number;
            /** Spent Usd */
            spent_usd: number;
            /** Used Percent */
            used_percent: number;
        };
        /**
         * SendMessage
         * @description Body of `POST /api/sessions/{id}/messages`: what a person says, more than blanks.
         */
        SendMessage: {
            /** Text */
            text: string;
        };
        /**
         * SessionCreated
         * @description Answer of `POST /api/sessions`.
         */
        SessionCreated: {
            created_at: components["schemas"]["Timestamp"];
            /** Id */
            id: string;
        };
        /**
         * SessionView
         * @description Answer of `GET /api/sessions/{id}`: the last `TURNS_SHOWN_MAX` turns, oldest first.
         */
        SessionView: {
            created_at: components["schemas"]["Timestamp"];
            /** Id */
            id: string;
            /** Turns */
            turns: components["schemas"]["TurnView"][];
        };
        /**
         * StartSession
         * @description Body of `POST /api/sessions`, which may also be left out: nothing to choose.
         */
        StartSession: Record<string, never>;
        Timestamp: string;
        /**
         * ToolDescription
         * @description What a model is told about a tool; `input_schema` is the JSON schema of its arguments.
         */
        ToolDescription: {
            /** Description */
            description: string;
            /** Input Schema */
            input_schema: {
                [key: string]: unknown;
            };
            /** Name */
            name: string;
        };
        /**
         * ToolList
         * @description Answer of `GET /api/tools`.
         */
        ToolList: {
            /** Tools */
            tools: components["schemas"]["ToolDescription"][];
        };
        /**
         * TurnAnswer
         * @description Data of the stream's event `done`, and the answer of the JSON variant: one whole turn.
         *
         *     `stop_reason` is the model's (`end_turn`, `max_tokens`, ...). `quota` is there once much of the month's
         *     quota is used; the stream tells it as an event `quota` of its own, too.
         */
        TurnAnswer: {
            quota?: components["schemas"]["QuotaState"] | null;
            /** Stop Reason */
            stop_reason: string;
            /** Text */
            text: string;
            /** Tools */
            tools: string[];
            /** Turn */
            turn: string;
            usage: components["schemas"]["Usage"];
        };
        /** @enum {string} */
        TurnStatus: "completed" | "failed";
        /**
         * TurnView
         * @description A question and its answer.
         *
         *     `tools` names the tools used, in the order of their first use. A failed turn has a reason, and as its
         *     answer what had been said until then.
         */
        TurnView: {
            /** Answer */
            answer: string;
            created_at: components["schemas"]["Timestamp"];
            /** Id */
            id: string;
            /** Question */
            question: string;
            /** Reason */
            reason?: string | null;
            status: components["schemas"]["TurnStatus"];
            /** Tools */
            tools: string[];
        };
        /**
         * Usage
         * @description What a turn consumed, summed over its calls of the model.
         *
         *     Tokens read from and written to the model's cache are not in `input_tokens`. `cost_usd` is what tokens and
         *     payments come to by the price table of the day; estimated where the model could not say (an answer that
         *     was interrupted).
         */
        Usage: {
            /**
             * Cache Read Tokens
             * @default 0
             */
            cache_read_tokens: number;
            /**
             * Cache Write Tokens
             * @default 0
             */
            cache_write_tokens: number;
            /**
             * Cost Usd
             * @default 0
             */
            cost_usd: number;
            /** Input Tokens */
            input_tokens: number;
            /**
             * Is Estimated
             * @default false
             */
            is_estimated: boolean;
            /** Output Tokens */
            output_tokens: number;
            /**
             * Payments Usd
             * @default 0
             */
            payments_usd: number;
            /**
             * Tool Calls
             * @default 0
             */
            tool_calls: number;
        };
        /**
         * UsageOfDay
         * @description What one user consumed on one day (UTC). `failed_turns` are among the `turns`.
         */
        UsageOfDay: {
            /** Cache Read Tokens */
            cache_read_tokens: number;
            /** Cache Write Tokens */
            cache_write_tokens: number;
            /** Cost Usd */
            cost_usd: number;
            /**
             * Date
             * Format: date
             */
            date: string;
            /** Failed Turns */
            failed_turns: number;
            /** Input Tokens */
            input_tokens: number;
            /** Output Tokens */
            output_tokens: number;
            /** Payments Usd */
            payments_usd: number;
            /** Tool Calls */
            tool_calls: number;
            /** Turns */
            turns: number;
        };
        /**
         * UsageReport
         * @description Answer of `GET /api/usage`: the caller's own month, and its days with turns, oldest first.
         *
         *     `reserved_usd` is held back for turns that are being answered. Quota and percentage are null where there
         *     is no quota.
         */
        UsageReport: {
            /** Days */
            days: components["schemas"]["UsageOfDay"][];
            /** Month */
            month: string;
            /** Quota Usd */
            quota_usd: number | null;
            /** Reserved Usd */
            reserved_usd: number;
            /** Spent Usd */
            spent_usd: number;
            /** Used Percent */
            used_percent: number | null;
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
