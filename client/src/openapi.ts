// Made from openapi.json by `npm run types`; what is changed here by hand is lost.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The input of a `brand_extraction`. */
        BrandExtractionInput: {
            /**
             * Format: url
             * @description The address of a site: http or https, without user and password.
             */
            url: string;
            /** @default true */
            include_screenshot?: boolean | null;
        };
        /** @description One frame of a stream (WHATWG HTML, "Server-sent events"): its fields, and in `data` one line of JSON. */
        BrandFrame: {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "sync";
            data: string;
            /** @description How long to wait before coming back, in milliseconds. */
            retry: number;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "queued";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "started";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "progress";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "delta";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "retrying";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "completed";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "failed";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "cancelled";
            data: string;
        };
        /** @description The input of a `brand_intelligence`. */
        BrandIntelligenceInput: {
            /**
             * Format: url
             * @description The address of a site: http or https, without user and password.
             */
            url: string;
            /** @default 15 */
            max_pages?: number | null;
        };
        /** @description The data of the first frame of a brand's stream, `sync`. */
        BrandSyncEvent: {
            /** Format: uuid */
            brand_id: string;
            /** @description The newest fifty jobs of the brand, newest first. */
            jobs: components["schemas"]["Job"][];
            resume: components["schemas"]["Resume"];
            /**
             * Format: int64
             * @description The id of the brand's latest event; `last_seq` of a job counts that job's own events.
             */
            last_seq: number;
        };
        /** @description The input of a `campaigns`. */
        CampaignsInput: Record<string, never>;
        /**
         * @description The job was stopped by a user.
         * @example {
         *       "job_id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "seq": 6,
         *       "at": "2026-03-31T10:00:05.000Z",
         *       "status": "cancelled",
         *       "progress": 60,
         *       "current_step": "Step 2/3: Extracting brand intelligence with AI",
         *       "step": 2,
         *       "total_steps": 3,
         *       "attempt": 1
         *     }
         */
        CancelledEvent: {
            /** Format: uuid */
            job_id: string;
            /**
             * Format: int64
             * @description Its position in its job, from 1; the id of the frame in the stream of a job.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            at: string;
            /** @description That of the job after it. */
            status: components["schemas"]["JobStatus"];
            /**
             * Format: int32
             * @description Percent done; never goes down within an attempt.
             */
            progress: number;
            /** @description What is going on, for a person. */
            current_step: string;
            /**
             * Format: int32
             * @description The number of the current step, from 1; 0 before the first.
             */
            step: number;
            /** Format: int32 */
            total_steps: number;
            /**
             * Format: int32
             * @description The number of the latest attempt; 0 before the first.
             */
            attempt: number;
        };
        /** @description The input of a `competitor_analysis`. */
        CompetitorAnalysisInput: {
            competitor_name: string;
            facebook_page?: string | null;
            /** Format: date */
            start_date?: string | null;
            /** Format: date */
            end_date?: string | null;
            /** @default 20 */
            limit?: number | null;
        };
        /**
         * @description The job is done.
         * @example {
         *       "job_id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "seq": 6,
         *       "at": "2026-03-31T10:00:05.000Z",
         *       "status": "completed",
         *       "progress": 100,
         *       "current_step": "Complete",
         *       "step": 3,
         *       "total_steps": 3,
         *       "attempt": 1,
         *       "result_id": "5f0c9b52-9d0e-4b8e-8a55-0f1f5f6f7a81",
         *       "result_url": "/api/jobs/0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d/result",
         *       "usage": {
         *         "calls": 1,
         *         "input_tokens": 8412,
         *         "output_tokens": 1733,
         *         "cache_read_input_tokens": 0,
         *         "cache_creation_input_tokens": 0,
         *         "cost_usd": 0.051231
         *       }
         *     }
         */
        CompletedEvent: {
            /** Format: uuid */
            job_id: string;
            /**
             * Format: int64
             * @description Its position in its job, from 1; the id of the frame in the stream of a job.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            at: string;
            /** @description That of the job after it. */
            status: components["schemas"]["JobStatus"];
            /**
             * Format: int32
             * @description Percent done; never goes down within an attempt.
             */
            progress: number;
            /** @description What is going on, for a person. */
            current_step: string;
            /**
             * Format: int32
             * @description The number of the current step, from 1; 0 before the first.
             */
            step: number;
            /** Format: int32 */
            total_steps: number;
            /**
             * Format: int32
             * @description The number of the latest attempt; 0 before the first.
             */
            attempt: number;
            /**
             * Format: uuid
             * @description The row that it created.
             */
            result_id: string;
            /**
             * Format: uri-reference
             * @description Where its result is.
             */
            result_url: string;
            /** @description What the job used of paid upstreams: tokens, an estimate of their cost, credits. */
            usage?: {
                [key: string]: unknown;
            };
        };
        /**
         * @description A piece of model output.
         * @example {
         *       "job_id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "seq": 5,
         *       "at": "2026-03-31T10:00:04.000Z",
         *       "status": "processing",
         *       "progress": 60,
         *       "current_step": "Step 2/3: Extracting brand intelligence with AI",
         *       "step": 2,
         *       "total_steps": 3,
         *       "attempt": 1,
         *       "text": "{\"brand_name\": \"Exam"
         *     }
         */
        DeltaEvent: {
            /** Format: uuid */
            job_id: string;
            /**
             * Format: int64
             * @description Its position in its job, from 1; the id of the frame in the stream of a job.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            at: string;
            /** @description That of the job after it. */
            status: components["schemas"]["JobStatus"];
            /**
             * Format: int32
             * @description Percent done; never goes down within an attempt.
             */
            progress: number;
            /** @description What is going on, for a person. */
            current_step: string;
            /**
             * Format: int32
             * @description The number of the current step, from 1; 0 before the first.
             */
            step: number;
            /** Format: int32 */
            total_steps: number;
            /**
             * Format: int32
             * @description The number of the latest attempt; 0 before the first.
             */
            attempt: number;
            /** @description The text that follows the text of the deltas before it. */
            text: string;
        };
        /** @description What every answer says that is an error. */
        Error: {
            /** @enum {boolean} */
            success: false;
            /** @description What is wrong, in words that a person can act on; they may change. */
            error: string;
            code: components["schemas"]["ErrorCode"];
            /** @description What it is about: a member of the request's body as a path, a parameter or a header. */
            field?: string;
            /** @description The status of the job, where that is the reason. */
            status?: components["schemas"]["JobStatus"];
            /** @description Why the job failed, where it has no result for that reason. */
            error_message?: string;
        };
        /**
         * @description A stable word for what is wrong.
         * @enum {string}
         */
        ErrorCode: "malformed" | "unauthorized" | "forbidden" | "not_found" | "method_not_allowed" | "body_timeout" | "wrong_state" | "no_result" | "not_ours" | "too_large" | "unsupported_media_type" | "invalid_input" | "unknown_brand" | "idempotency_key_reused" | "queue_full" | "rate_limited" | "too_many_streams" | "head_too_large" | "internal" | "missing_key" | "draining" | "database_unavailable" | "too_many_connections";
        /**
         * @description The job was given up.
         * @example {
         *       "job_id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "seq": 6,
         *       "at": "2026-03-31T10:00:05.000Z",
         *       "status": "failed",
         *       "progress": 60,
         *       "current_step": "Step 2/3: Extracting brand intelligence with AI",
         *       "step": 2,
         *       "total_steps": 3,
         *       "attempt": 1,
         *       "error_message": "Claude is overloaded",
         *       "code": "overloaded"
         *     }
         */
        FailedEvent: {
            /** Format: uuid */
            job_id: string;
            /**
             * Format: int64
             * @description Its position in its job, from 1; the id of the frame in the stream of a job.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            at: string;
            /** @description That of the job after it. */
            status: components["schemas"]["JobStatus"];
            /**
             * Format: int32
             * @description Percent done; never goes down within an attempt.
             */
            progress: number;
            /** @description What is going on, for a person. */
            current_step: string;
            /**
             * Format: int32
             * @description The number of the current step, from 1; 0 before the first.
             */
            step: number;
            /** Format: int32 */
            total_steps: number;
            /**
             * Format: int32
             * @description The number of the latest attempt; 0 before the first.
             */
            attempt: number;
            /** @description Why. */
            error_message: string;
            /** @description A stable word for it. */
            code: string;
        };
        /** @description That the server is well. */
        Health: {
            /** @enum {boolean} */
            success: true;
            status: components["schemas"]["HealthStatus"];
        };
        /**
         * @description In which way the server is well.
         * @enum {string}
         */
        HealthStatus: "ok" | "ready";
        /** @description A member of `input_data`. */
        InputField: {
            name: string;
            required: boolean;
            /** @enum {string} */
            kind: "url";
        } | {
            name: string;
            required: boolean;
            /** @description In characters. */
            maximum_length: number;
            /** @enum {string} */
            kind: "text";
        } | {
            name: string;
            required: boolean;
            /** @enum {string} */
            kind: "date";
        } | {
            name: string;
            required: boolean;
            default: boolean;
            /** @enum {string} */
            kind: "boolean";
        } | {
            name: string;
            required: boolean;
            /** Format: int64 */
            default: number;
            /** Format: int64 */
            minimum: number;
            /** Format: int64 */
            maximum: number;
            /** @enum {string} */
            kind: "integer";
        };
        /**
         * @description A job, as in its status, in a list and in the first frame of a stream.
         * @example {
         *       "id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "brand_id": "7b0d7c1e-2f5a-4c7e-9d52-3c0f4a1b2c3d",
         *       "job_type": "brand_intelligence",
         *       "input_data": {
         *         "url": "https://example.com/",
         *         "max_pages": 15
         *       },
         *       "status": "processing",
         *       "progress": 60,
         *       "current_step": "Step 2/3: Extracting brand intelligence with AI",
         *       "step": 2,
         *       "total_steps": 3,
         *       "retry_count": 0,
         *       "max_retries": 3,
         *       "last_seq": 5,
         *       "created_at": "2026-03-31T10:00:00.000Z",
         *       "started_at": "2026-03-31T10:00:01.000Z",
         *       "completed_at": null,
         *       "estimated_completion": "2026-03-31T10:00:34.000Z",
         *       "result_id": null,
         *       "error_message": null,
         *       "webhook": null
         *     }
         */
        Job: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            brand_id: string;
            job_type: components["schemas"]["JobType"];
            /** @description The input with its defaults filled in; what it may hold depends on the type. */
            input_data: unknown;
            status: components["schemas"]["JobStatus"];
            /**
             * Format: int32
             * @description Percent done; never goes down within an attempt.
             */
            progress: number;
            /**
             * @description What is going on, for a person.
             * @example Step 2/3: Analyzing competitor ads with AI
             */
            current_step: string;
            /**
             * Format: int32
             * @description The number of the current step, from 1; 0 before the first.
             */
            step: number;
            /** Format: int32 */
            total_steps: number;
            /**
             * Format: int32
             * @description How many attempts failed and were followed by another since the job was last queued by a user.
             */
            retry_count: number;
            /**
             * Format: int32
             * @description How many such attempts there may be.
             */
            max_retries: number;
            /**
             * Format: int64
             * @description The seq of the job's latest event; 0 for a job that the origin application runs.
             */
            last_seq: number;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description When its first attempt since it was queued began.
             */
            started_at: string | null;
            /**
             * Format: date-time
             * @description When it completed, failed or was cancelled.
             */
            completed_at: string | null;
            /**
             * Format: date-time
             * @description When it will probably be done, made anew for every answer while it is under way.
             */
            estimated_completion: string | null;
            /**
             * Format: uuid
             * @description The row that a completed job created, the first of them where there are several.
             */
            result_id: string | null;
            /** @description Why it failed, or why its last attempt did. */
            error_message: string | null;
            webhook: components["schemas"]["JobWebhook"] | null;
        };
        /** @description An answer with one job. */
        JobAnswer: {
            /** @enum {boolean} */
            success: true;
            job: components["schemas"]["Job"];
        };
        /** @description One frame of a stream (WHATWG HTML, "Server-sent events"): its fields, and in `data` one line of JSON. */
        JobFrame: {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "sync";
            data: string;
            /** @description How long to wait before coming back, in milliseconds. */
            retry: number;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "queued";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "started";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "progress";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "delta";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "retrying";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "completed";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "failed";
            data: string;
        } | {
            /** @description The cursor of a reader that has it. */
            id: string;
            /** @enum {string} */
            event: "cancelled";
            data: string;
        };
        /** @description One page of the list of jobs. */
        JobPage: {
            /** @enum {boolean} */
            success: true;
            /** @description Newest first. */
            jobs: components["schemas"]["Job"][];
            /** @description The `cursor` of the next page; null on the last. */
            next_cursor: string | null;
        };
        /** @description What a completed job came to. */
        JobResult: {
            /** @enum {boolean} */
            success: true;
            /** @enum {string} */
            status: "completed";
            /**
             * Format: uuid
             * @description The row that the job created, the first of them where there are several.
             */
            result_id: string | null;
            /** @description The full result; what it holds depends on the type of the job. */
            result_data: unknown;
            /** Format: date-time */
            completed_at: string | null;
        };
        /**
         * @description Where a job is in its life.
         * @enum {string}
         */
        JobStatus: "pending" | "processing" | "completed" | "failed" | "cancelled";
        /**
         * @description A kind of work.
         * @enum {string}
         */
        JobType: "brand_intelligence" | "competitor_analysis" | "target_audiences" | "products_services" | "campaigns" | "brand_extraction" | "page_discovery";
        /** @description A type of job and what its input may hold. */
        JobTypeInfo: {
            job_type: components["schemas"]["JobType"];
            /** @description Whether it can be started here. */
            available: boolean;
            /** @description The environment variable of the key that is not set; null if none is missing. */
            missing: string | null;
            /**
             * Format: int32
             * @description How long it will probably take, in seconds.
             */
            estimated_duration: number;
            /** @description The members of `input_data`. */
            input: components["schemas"]["InputField"][];
        };
        /** @description What can be started on this server. */
        JobTypes: {
            /** @enum {boolean} */
            success: true;
            /** @description Whether the upstreams are stand-ins, as in the demo. */
            simulated: boolean;
            job_types: components["schemas"]["JobTypeInfo"][];
        };
        /** @description How the call to a job's webhook stands; that of the latest end. */
        JobWebhook: {
            /** Format: uri */
            url: string;
            status: components["schemas"]["WebhookStatus"];
            /**
             * Format: int32
             * @description Tries that were begun.
             */
            attempts: number;
            /** @description What the last failed try met. */
            last_error: string | null;
            /**
             * Format: date-time
             * @description When the next try may begin; while one is under way, when it is taken for lost.
             */
            next_attempt_at: string | null;
            /**
             * Format: date-time
             * @description When the receiver confirmed it.
             */
            delivered_at: string | null;
        };
        /** @description The input of a `page_discovery`. */
        PageDiscoveryInput: {
            /**
             * Format: url
             * @description The address of a site: http or https, without user and password.
             */
            url: string;
            /** @default 20 */
            max_pages?: number | null;
            /** @default true */
            include_scraping?: boolean | null;
        };
        /** @description The input of a `products_services`. */
        ProductsServicesInput: Record<string, never>;
        /**
         * @description A step began or moved.
         * @example {
         *       "job_id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "seq": 4,
         *       "at": "2026-03-31T10:00:03.000Z",
         *       "status": "processing",
         *       "progress": 60,
         *       "current_step": "Step 2/3: Extracting brand intelligence with AI",
         *       "step": 2,
         *       "total_steps": 3,
         *       "attempt": 1,
         *       "detail": {}
         *     }
         */
        ProgressEvent: {
            /** Format: uuid */
            job_id: string;
            /**
             * Format: int64
             * @description Its position in its job, from 1; the id of the frame in the stream of a job.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            at: string;
            /** @description That of the job after it. */
            status: components["schemas"]["JobStatus"];
            /**
             * Format: int32
             * @description Percent done; never goes down within an attempt.
             */
            progress: number;
            /** @description What is going on, for a person. */
            current_step: string;
            /**
             * Format: int32
             * @description The number of the current step, from 1; 0 before the first.
             */
            step: number;
            /** Format: int32 */
            total_steps: number;
            /**
             * Format: int32
             * @description The number of the latest attempt; 0 before the first.
             */
            attempt: number;
            /** @description What the upstream said: page, url, counts; an object. */
            detail: {
                [key: string]: unknown;
            };
        };
        /**
         * @description The job was created, or put back by a user's retry.
         * @example {
         *       "job_id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "seq": 1,
         *       "at": "2026-03-31T10:00:00.000Z",
         *       "status": "pending",
         *       "progress": 0,
         *       "current_step": "Queued",
         *       "step": 0,
         *       "total_steps": 3,
         *       "attempt": 0
         *     }
         */
        QueuedEvent: {
            /** Format: uuid */
            job_id: string;
            /**
             * Format: int64
             * @description Its position in its job, from 1; the id of the frame in the stream of a job.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            at: string;
            /** @description That of the job after it. */
            status: components["schemas"]["JobStatus"];
            /**
             * Format: int32
             * @description Percent done; never goes down within an attempt.
             */
            progress: number;
            /** @description What is going on, for a person. */
            current_step: string;
            /**
             * Format: int32
             * @description The number of the current step, from 1; 0 before the first.
             */
            step: number;
            /** Format: int32 */
            total_steps: number;
            /**
             * Format: int32
             * @description The number of the latest attempt; 0 before the first.
             */
            attempt: number;
        };
        /**
         * @description How the stream goes on from what the reader has.
         * @enum {string}
         */
        Resume: "start" | "exact" | "reset";
        /**
         * @description An attempt failed and another will follow.
         * @example {
         *       "job_id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "seq": 6,
         *       "at": "2026-03-31T10:00:05.000Z",
         *       "status": "pending",
         *       "progress": 60,
         *       "current_step": "Step 2/3: Extracting brand intelligence with AI",
         *       "step": 2,
         *       "total_steps": 3,
         *       "attempt": 1,
         *       "error": "Claude is overloaded",
         *       "next_attempt_at": "2026-03-31T10:00:09.000Z"
         *     }
         */
        RetryingEvent: {
            /** Format: uuid */
            job_id: string;
            /**
             * Format: int64
             * @description Its position in its job, from 1; the id of the frame in the stream of a job.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            at: string;
            /** @description That of the job after it. */
            status: components["schemas"]["JobStatus"];
            /**
             * Format: int32
             * @description Percent done; never goes down within an attempt.
             */
            progress: number;
            /** @description What is going on, for a person. */
            current_step: string;
            /**
             * Format: int32
             * @description The number of the current step, from 1; 0 before the first.
             */
            step: number;
            /** Format: int32 */
            total_steps: number;
            /**
             * Format: int32
             * @description The number of the latest attempt; 0 before the first.
             */
            attempt: number;
            /** @description Why it failed. */
            error: string;
            /**
             * Format: date-time
             * @description When the next attempt may begin.
             */
            next_attempt_at: string;
        };
        StartBrandExtraction: {
            /** Format: uuid */
            brand_id: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            job_type: "brand_extraction";
            input_data: components["schemas"]["BrandExtractionInput"];
            /**
             * Format: url
             * @description Called when the job is over; see the webhook `job_over`. A public address. Refused where the server has no secret to sign the call with.
             */
            webhook_url?: string | null;
        };
        StartBrandIntelligence: {
            /** Format: uuid */
            brand_id: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            job_type: "brand_intelligence";
            input_data: components["schemas"]["BrandIntelligenceInput"];
            /**
             * Format: url
             * @description Called when the job is over; see the webhook `job_over`. A public address. Refused where the server has no secret to sign the call with.
             */
            webhook_url?: string | null;
        };
        StartCampaigns: {
            /** Format: uuid */
            brand_id: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            job_type: "campaigns";
            input_data?: components["schemas"]["CampaignsInput"] | null;
            /**
             * Format: url
             * @description Called when the job is over; see the webhook `job_over`. A public address. Refused where the server has no secret to sign the call with.
             */
            webhook_url?: string | null;
        };
        StartCompetitorAnalysis: {
            /** Format: uuid */
            brand_id: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            job_type: "competitor_analysis";
            input_data: components["schemas"]["CompetitorAnalysisInput"];
            /**
             * Format: url
             * @description Called when the job is over; see the webhook `job_over`. A public address. Refused where the server has no secret to sign the call with.
             */
            webhook_url?: string | null;
        };
        /** @description A start of a job, of one of its types. */
        StartJob: components["schemas"]["StartBrandIntelligence"] | components["schemas"]["StartCompetitorAnalysis"] | components["schemas"]["StartTargetAudiences"] | components["schemas"]["StartProductsServices"] | components["schemas"]["StartCampaigns"] | components["schemas"]["StartBrandExtraction"] | components["schemas"]["StartPageDiscovery"];
        StartPageDiscovery: {
            /** Format: uuid */
            brand_id: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            job_type: "page_discovery";
            input_data: components["schemas"]["PageDiscoveryInput"];
            /**
             * Format: url
             * @description Called when the job is over; see the webhook `job_over`. A public address. Refused where the server has no secret to sign the call with.
             */
            webhook_url?: string | null;
        };
        StartProductsServices: {
            /** Format: uuid */
            brand_id: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            job_type: "products_services";
            input_data?: components["schemas"]["ProductsServicesInput"] | null;
            /**
             * Format: url
             * @description Called when the job is over; see the webhook `job_over`. A public address. Refused where the server has no secret to sign the call with.
             */
            webhook_url?: string | null;
        };
        StartTargetAudiences: {
            /** Format: uuid */
            brand_id: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            job_type: "target_audiences";
            input_data?: components["schemas"]["TargetAudiencesInput"] | null;
            /**
             * Format: url
             * @description Called when the job is over; see the webhook `job_over`. A public address. Refused where the server has no secret to sign the call with.
             */
            webhook_url?: string | null;
        };
        /**
         * @description An attempt began.
         * @example {
         *       "job_id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "seq": 2,
         *       "at": "2026-03-31T10:00:01.000Z",
         *       "status": "processing",
         *       "progress": 0,
         *       "current_step": "Starting",
         *       "step": 0,
         *       "total_steps": 3,
         *       "attempt": 1
         *     }
         */
        StartedEvent: {
            /** Format: uuid */
            job_id: string;
            /**
             * Format: int64
             * @description Its position in its job, from 1; the id of the frame in the stream of a job.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            at: string;
            /** @description That of the job after it. */
            status: components["schemas"]["JobStatus"];
            /**
             * Format: int32
             * @description Percent done; never goes down within an attempt.
             */
            progress: number;
            /** @description What is going on, for a person. */
            current_step: string;
            /**
             * Format: int32
             * @description The number of the current step, from 1; 0 before the first.
             */
            step: number;
            /** Format: int32 */
            total_steps: number;
            /**
             * Format: int32
             * @description The number of the latest attempt; 0 before the first.
             */
            attempt: number;
        };
        /**
         * @description The answer to a start.
         * @example {
         *       "success": true,
         *       "job_id": "0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d",
         *       "status": "pending",
         *       "estimated_duration": 90,
         *       "events_url": "/api/jobs/0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d/events",
         *       "status_url": "/api/jobs/0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d/status"
         *     }
         */
        StartedJob: {
            /** @enum {boolean} */
            success: true;
            /** Format: uuid */
            job_id: string;
            /** @enum {string} */
            status: "pending";
            /**
             * Format: int32
             * @description How long it will probably take, in seconds.
             */
            estimated_duration: number;
            /**
             * Format: uri-reference
             * @description Where its events are. Where tokens are asked for it has one for this stream alone, good for an hour.
             * @example /api/jobs/0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d/events
             */
            events_url: string;
            /**
             * Format: uri-reference
             * @example /api/jobs/0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d/status
             */
            status_url: string;
        };
        /** @description The data of the first frame of a job's stream, `sync`. */
        SyncEvent: {
            job: components["schemas"]["Job"];
            resume: components["schemas"]["Resume"];
            /**
             * Format: int64
             * @description The seq of the job's latest event.
             */
            last_seq: number;
        };
        /** @description The input of a `target_audiences`. */
        TargetAudiencesInput: {
            audience_description?: string | null;
        };
        /**
         * @description The body of a call to a webhook. Thin: it says what happened and where the result is, so that nothing is told that the
         *     receiver may not read.
         */
        WebhookCall: {
            type: components["schemas"]["WebhookCallType"];
            /**
             * Format: date-time
             * @description When the job was over.
             */
            timestamp: string;
            data: components["schemas"]["WebhookCallData"];
        };
        /** @description The job that is over. */
        WebhookCallData: {
            /** Format: uuid */
            job_id: string;
            /** Format: uuid */
            brand_id: string;
            job_type: components["schemas"]["JobType"];
            status: components["schemas"]["JobStatus"];
            /**
             * Format: uri-reference
             * @description Where the result of a completed job is.
             */
            result_url: string | null;
            /** @description Why a failed job failed. */
            error_message: string | null;
        };
        /**
         * @description What has happened.
         * @enum {string}
         */
        WebhookCallType: "job.completed" | "job.failed" | "job.cancelled";
        /**
         * @description Whether the receiver of a webhook has confirmed its call.
         * @enum {string}
         */
        WebhookStatus: "pending" | "delivered" | "failed";
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
