// Written by `npm run contracts` from docs/api; do not edit.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Approval
         * @description A payment that waits, or waited, for a person: for this resource, amount and payee, once.
         */
        Approval: {
            amount: components["schemas"]["Usd"];
            /** Description */
            description: string;
            expires_at: components["schemas"]["Timestamp"];
            /** Id */
            id: string;
            /** Network */
            network: string;
            /** Payee */
            payee: string;
            requested_at: components["schemas"]["Timestamp"];
            /** Resource */
            resource: string;
            state: components["schemas"]["ApprovalState"];
            /** Tool */
            tool: string;
        };
        /**
         * Approvals
         * @description Answer of `GET /api/approvals`: the caller's, the latest first.
         */
        Approvals: {
            /** Items */
            items: components["schemas"]["Approval"][];
        };
        /** @enum {string} */
        ApprovalState: "waiting" | "approved" | "rejected" | "expired" | "used";
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
         * Payment
         * @description One attempt to pay, and how it ended.
         */
        Payment: {
            amount: components["schemas"]["Usd"];
            /** Asset */
            asset: string;
            /** Description */
            description: string;
            /** Id */
            id: string;
            /** Network */
            network: string;
            occurred_at: components["schemas"]["Timestamp"];
            /** Payee */
            payee: string;
            /** Reason */
            reason: string | null;
            /**
             * Resource
             * @description What was asked for: a path of the resource server
             */
            resource: string;
            status: components["schemas"]["PaymentStatus"];
            /** Tool */
            tool: string;
            /**
             * Transaction
             * @description On the network, once it is paid
             */
            transaction: string | null;
        };
        /** @enum {string} */
        PaymentStatus: "paid" | "refused" | "failed" | "waiting";
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
         * Spending
         * @description Answer of `GET /api/spend`: sums and limits are the stack's, of today (UTC); payments the caller's.
         */
        Spending: {
            approval_above: components["schemas"]["Usd"];
            /**
             * Currency
             * @default USD
             * @constant
             */
            currency: "USD";
            /** Cursor */
            cursor: string | null;
            /** Day */
            day: string;
            left: components["schemas"]["Usd"];
            limit_per_day: components["schemas"]["Usd"];
            limit_per_payment: components["schemas"]["Usd"];
            /** Payments */
            payments: components["schemas"]["Payment"][];
            reserved: components["schemas"]["Usd"];
            spent: components["schemas"]["Usd"];
            wallet: components["schemas"]["Wallet"];
        };
        Timestamp: string;
        Usd: string;
        /**
         * Wallet
         * @description What pays: its address on its network, once its key is set.
         */
        Wallet: {
            /** Address */
            address: string | null;
            /**
             * Network
             * @description CAIP-2, such as eip155:84532
             */
            network: string;
            /**
             * State
             * @enum {string}
             */
            state: "ready" | "not_set";
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
