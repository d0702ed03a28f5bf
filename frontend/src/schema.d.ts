// Written by `npm run types` from the API's schema; do not edit.

export interface paths {
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Session
         * @description Say who is signed in; also sets the CSRF cookie.
         */
        get: operations["get_session"];
        put?: never;
        /**
         * Sign In
         * @description Sign in with user name and password, at a limited rate.
         */
        post: operations["sign_in"];
        /**
         * Sign Out
         * @description End the session; does nothing when there is none.
         */
        delete: operations["sign_out"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Projects
         * @description Return the projects where I am a member, with my progress.
         */
        get: operations["list_projects"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Project
         * @description Return a project's guidelines and questions, and my progress.
         */
        get: operations["get_project"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/assignments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Lease Tasks
         * @description Lease up to `count` tasks for me.
         *
         *     With `holder`, the name of a browser tab, the leases that it still holds come back
         *     first, and new ones fill up to `count`.
         */
        post: operations["lease_tasks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List History
         * @description Return what I have answered, newest first, with the answers that stand.
         */
        get: operations["list_history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Preview
         * @description Return a task as it would be handed out, with a version's questions.
         *
         *     Without a version: those that I am editing in the panel, or else the newest.
         */
        get: operations["get_preview"];
        put?: never;
        /**
         * Preview Questions
         * @description Return the same with questions that are not saved.
         */
        post: operations["preview_questions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/media": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Upload Image
         * @description Keep an image for the texts of a project.
         *
         *     Researchers bring the texts; where annotators write prompts, they may, too.
         */
        post: operations["upload_image"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/principles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Principles
         * @description Search the library, those said most often first.
         *
         *     Who may not see answers gets approved ones alone, and not how often they were said.
         */
        get: operations["list_principles"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assignments/{assignment}/feedback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Submit Feedback
         * @description Answer a task: 201 when stored, 200 when this very answer was stored before.
         */
        post: operations["submit_feedback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assignments/{assignment}/skip": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Skip Task
         * @description Put a task aside for good; it may go to somebody else.
         */
        post: operations["skip_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assignments/{assignment}/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Renew Lease
         * @description Hold a task for another lease's length.
         */
        post: operations["renew_lease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Models
         * @description Return a project's models and those that every project may start from.
         */
        get: operations["list_models"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/talks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open Talk
         * @description Return my talk under way in a project, or begin one with its models.
         */
        post: operations["open_talk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/trials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open Trial
         * @description Begin trying one or two models out; nothing of it goes into the record.
         */
        post: operations["open_trial"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set Live Models
         * @description Let these models answer what the project's annotators write.
         */
        post: operations["set_live_models"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/talks/{talk_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Talk
         * @description Return a talk of mine as it is now.
         */
        get: operations["get_talk"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/talks/{talk_id}/turns": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say
         * @description Say something; the replies grow from now on.
         */
        post: operations["say"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/talks/{talk_id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask Again
         * @description Have the last turn's failed replies written again.
         */
        post: operations["ask_again"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** Answer */
        Answer: {
            /**
             * Client Id
             * Format: uuid
             */
            client_id: string;
            /**
             * Feedback Id
             * Format: uuid
             */
            feedback_id: string;
            /** Judgments */
            judgments: (components["schemas"]["Compare"] | components["schemas"]["Rank"] | components["schemas"]["BestWorst"] | components["schemas"]["Rate"] | components["schemas"]["Span"] | components["schemas"]["Missing"] | components["schemas"]["Principle"] | components["schemas"]["WrittenText"] | components["schemas"]["Reaction"] | components["schemas"]["Outcome"] | components["schemas"]["Choose"] | components["schemas"]["Step"] | components["schemas"]["Flag"])[];
            /** Active Ms */
            active_ms: number;
        };
        /** AssignmentOut */
        AssignmentOut: {
            /** Id */
            id: number;
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /** Protocol Version */
            protocol_version: number;
            prompt: components["schemas"]["PromptOut"];
            /** Completions */
            completions: components["schemas"]["CompletionOut"][];
            answer: components["schemas"]["Answer"] | null;
        };
        /** BestWorst */
        BestWorst: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "best_worst";
            /** Best */
            best: string[];
            /** Worst */
            worst: string[];
        };
        /**
         * BestWorstQuestion
         * @description The best and the worst of three or more completions.
         */
        BestWorstQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "best_worst";
        };
        /**
         * Choose
         * @description A labelled category: safe, unsafe, unsure; or any other list.
         */
        Choose: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "choose";
            /** Target */
            target: string | ("task" | "prompt");
            /** Category */
            category: string;
        };
        /**
         * ChooseQuestion
         * @description One category of the task, its prompt or each completion.
         */
        ChooseQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "choose";
            /**
             * Target
             * @default completion
             * @enum {string}
             */
            target: "task" | "prompt" | "completion";
            /** Categories */
            categories: components["schemas"]["Label"][];
        };
        /**
         * Compare
         * @description Which of two completions is better; a tie and two bad ones are different.
         */
        Compare: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "compare";
            /**
             * A
             * Format: uuid
             */
            a: string;
            /**
             * B
             * Format: uuid
             */
            b: string;
            /**
             * Outcome
             * @enum {string}
             */
            outcome: "a" | "b" | "tie" | "both_bad" | "unsure";
            /** Strength */
            strength?: number | null;
            /** Scale */
            scale?: string | null;
        };
        /**
         * CompareOption
         * @description One point of a compare scale, from left (A) to right (B).
         *
         *     Attributes:
         *         strength: 0 for a tie, else 1 for the weakest preference and up.
         *         margin: what training takes the strength for; itself where null.
         */
        CompareOption: {
            /** Value */
            value: string;
            /**
             * Outcome
             * @enum {string}
             */
            outcome: "a" | "b" | "tie";
            /** Strength */
            strength: number;
            /**
             * Short
             * @default
             */
            short: string;
            /** Label */
            label: string;
            /** Margin */
            margin?: number | null;
        };
        /**
         * CompareQuestion
         * @description Which of two completions is better; asked where a task has two or more.
         */
        CompareQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "compare";
            scale: components["schemas"]["CompareScale"];
        };
        /**
         * CompareScale
         * @description Options from left to right; both sides alike, since the order is shuffled.
         *
         *     Attributes:
         *         both_bad: whether "both are bad" may be answered besides.
         *         unsure: whether "cannot say" may be answered besides.
         */
        CompareScale: {
            /** Id */
            id: string;
            /** Options */
            options: components["schemas"]["CompareOption"][];
            /**
             * Both Bad
             * @default false
             */
            both_bad: boolean;
            /**
             * Unsure
             * @default false
             */
            unsure: boolean;
        };
        /**
         * CompletionOut
         * @description A completion under its label; nothing says which model wrote it.
         *
         *     trace: steps of tools, where there are some. outcome: what came of it, where
         *     that is known; shown from the first question on that reveals it. steps: what a
         *     question of kind step labels, by index.
         */
        CompletionOut: {
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Label */
            label: string;
            /** Messages */
            messages: components["schemas"]["Message"][];
            /** Trace */
            trace?: unknown[] | {
                [key: string]: unknown;
            } | null;
            /** Outcome */
            outcome?: string | null;
            /** Steps */
            steps?: string[] | null;
        };
        /**
         * Confidence
         * @description One degree of certainty; the value goes into the judgment's `confidence`.
         */
        Confidence: {
            /** Value */
            value: number;
            /** Label */
            label: string;
        };
        /**
         * Failure
         * @description Every answer with a status of 400 or more.
         */
        Failure: {
            /** Error */
            error: string;
            /** Message */
            message: string;
            /** Expected */
            expected?: string | null;
            /** Found */
            found?: string | null;
            /** Fix */
            fix?: string | null;
            /**
             * Fields
             * @default []
             */
            fields: components["schemas"]["Problem"][];
        };
        /** FeedbackIn */
        FeedbackIn: {
            /**
             * Client Id
             * Format: uuid
             */
            client_id: string;
            /** Judgments */
            judgments: (components["schemas"]["Compare"] | components["schemas"]["Rank"] | components["schemas"]["BestWorst"] | components["schemas"]["Rate"] | components["schemas"]["Span"] | components["schemas"]["Missing"] | components["schemas"]["Principle"] | components["schemas"]["WrittenText"] | components["schemas"]["Reaction"] | components["schemas"]["Outcome"] | components["schemas"]["Choose"] | components["schemas"]["Step"] | components["schemas"]["Flag"])[];
            /**
             * Active Ms
             * @default 0
             */
            active_ms: number;
            /** Protocol Version */
            protocol_version: number;
            /** Supersedes */
            supersedes?: string | null;
        };
        /** Flag */
        Flag: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "flag";
            /**
             * Target
             * @default task
             */
            target: string | ("task" | "prompt");
            /**
             * Flag
             * @enum {string}
             */
            flag: "pii" | "unsafe" | "bad_task";
            /**
             * Note
             * @default
             */
            note: string;
        };
        /**
         * HandOutOut
         * @description protocols: the questions of each version that an assignment here names.
         */
        HandOutOut: {
            /**
             * State
             * @enum {string}
             */
            state: "open" | "finished" | "paused";
            /** Assignments */
            assignments: components["schemas"]["AssignmentOut"][];
            /**
             * Protocols
             * @description Questions by protocol version.
             */
            protocols: {
                [key: string]: components["schemas"]["Question"][];
            };
            progress: components["schemas"]["ProgressOut"];
            thanks: components["schemas"]["Thanks"] | null;
        };
        /**
         * ImageOut
         * @description A kept image; markdown shows it in a text of the same project.
         */
        ImageOut: {
            /** Sha256 */
            sha256: string;
            /** Type */
            type: string;
            /** Bytes */
            bytes: number;
            /** Markdown */
            markdown: string;
        };
        /**
         * Label
         * @description Something to choose, by its id; the description explains it.
         */
        Label: {
            /** Id */
            id: string;
            /** Label */
            label: string;
            /**
             * Description
             * @default
             */
            description: string;
        };
        /** LiveOut */
        LiveOut: {
            /** Models */
            models: string[];
        };
        /** Message */
        Message: {
            /** Role */
            role: string;
            /** Content */
            content: string;
        } & {
            [key: string]: unknown;
        };
        /** Missing */
        Missing: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "missing";
            /**
             * Completion
             * Format: uuid
             */
            completion: string;
            /** Category */
            category: string;
            /**
             * Refs
             * @default []
             */
            refs: components["schemas"]["Ref"][];
            /** Text */
            text?: string | null;
        };
        /**
         * MissingQuestion
         * @description What a completion should have said and did not.
         *
         *     Attributes:
         *         refs: the places that say it.
         *         note: what is missing, in words: the judgment's `text` (a question's `text`
         *             is its wording).
         */
        MissingQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "missing";
            /** Categories */
            categories: components["schemas"]["Label"][];
            /**
             * Refs
             * @default off
             * @enum {string}
             */
            refs: "off" | "optional" | "required";
            /**
             * Note
             * @default off
             * @enum {string}
             */
            note: "off" | "optional" | "required";
        };
        /** ModelOut */
        ModelOut: {
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Name */
            name: string;
            /** Role */
            role: string;
            /** Source */
            source: string;
            /** Sha256 */
            sha256: string;
            /** Parent Id */
            parent_id: string | null;
            /** Run Id */
            run_id: string | null;
            /** Metrics */
            metrics: {
                [key: string]: unknown;
            };
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
        };
        /**
         * Outcome
         * @description Something observed later: hindsight, a test, a verifier or an A/B trial.
         */
        Outcome: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "outcome";
            /**
             * Completion
             * Format: uuid
             */
            completion: string;
            /**
             * Outcome
             * @enum {string}
             */
            outcome: "hindsight" | "test" | "verifier" | "ab";
            /** Value */
            value: number;
            /** Evidence Sha */
            evidence_sha?: string | null;
        };
        /**
         * PassageOut
         * @description A passage of the context under the name by which references and spans call it.
         */
        PassageOut: {
            /** Doc */
            doc: string;
            /** Title */
            title: string;
            /** Text */
            text: string;
            /** Sentences */
            sentences: components["schemas"]["SentenceOut"][];
        };
        /** Person */
        Person: {
            /** Username */
            username: string;
            /** Name */
            name: string;
            /** Is Staff */
            is_staff: boolean;
        };
        /**
         * PreviewOut
         * @description A task to look at, which cannot be answered; invented where there is no real one.
         *
         *     protocol: the questions that it is asked by, and the number they have or will have.
         *     draft: whether they are not published yet.
         */
        PreviewOut: {
            assignment: components["schemas"]["AssignmentOut"];
            protocol: components["schemas"]["Protocol"];
            /** Invented */
            invented: boolean;
            /** Draft */
            draft: boolean;
        };
        /** Principle */
        Principle: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "principle";
            /**
             * Completion
             * Format: uuid
             */
            completion: string;
            /** Principle */
            principle: string;
            /**
             * Verdict
             * @enum {string}
             */
            verdict: "yes" | "no" | "partial" | "na";
            /**
             * Evidence
             * @default []
             */
            evidence: (components["schemas"]["Ref"] | string)[];
            /**
             * Origin
             * @default authored
             * @enum {string}
             */
            origin: "authored" | "extracted" | "generated";
        };
        /**
         * PrincipleItem
         * @description A principle that is asked of each completion; judgments carry its text.
         */
        PrincipleItem: {
            /** Id */
            id: string;
            /** Text */
            text: string;
        };
        /**
         * PrincipleOut
         * @description A principle; how often it was said is for those who may see answers.
         */
        PrincipleOut: {
            /** Id */
            id: number;
            /** Text */
            text: string;
            /**
             * Origin
             * @enum {string}
             */
            origin: "authored" | "extracted";
            /**
             * State
             * @enum {string}
             */
            state: "proposed" | "approved" | "rejected" | "withdrawn";
            /** Said */
            said?: number | null;
            /** People */
            people?: number | null;
        };
        /**
         * PrincipleQuestion
         * @description Whether each completion keeps each principle; `open` lets people add some.
         */
        PrincipleQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "principle";
            /**
             * Principles
             * @default []
             */
            principles: components["schemas"]["PrincipleItem"][];
            /**
             * Evidence
             * @default optional
             * @enum {string}
             */
            evidence: "off" | "optional" | "required";
            /**
             * Open
             * @default false
             */
            open: boolean;
        };
        /**
         * Problem
         * @description A field that does not fit; question: the id of the one that it answers.
         */
        Problem: {
            /** Path */
            path: string;
            /** Message */
            message: string;
            /** Value */
            value?: string | null;
            /** Question */
            question?: string | null;
        };
        /**
         * ProgressOut
         * @description today, answered: mine; remaining: open for me (large: estimated); total.
         */
        ProgressOut: {
            /** Today */
            today: number;
            /** Answered */
            answered: number;
            /** Remaining */
            remaining: number;
            /** Total */
            total: number;
        };
        /**
         * ProjectLine
         * @description live_prompts: people write the prompts here, and models answer at once.
         */
        ProjectLine: {
            /** Slug */
            slug: string;
            /** Name */
            name: string;
            /**
             * Role
             * @enum {string}
             */
            role: "annotator" | "reviewer" | "researcher" | "owner";
            /**
             * State
             * @enum {string}
             */
            state: "open" | "paused";
            /** Live Prompts */
            live_prompts: boolean;
            progress: components["schemas"]["ProgressOut"];
        };
        /**
         * ProjectOut
         * @description protocol: the newest version; protocols: every version there is.
         */
        ProjectOut: {
            /** Slug */
            slug: string;
            /** Name */
            name: string;
            /**
             * Role
             * @enum {string}
             */
            role: "annotator" | "reviewer" | "researcher" | "owner";
            /**
             * State
             * @enum {string}
             */
            state: "open" | "paused";
            /** Live Prompts */
            live_prompts: boolean;
            progress: components["schemas"]["ProgressOut"];
            /** Guidelines */
            guidelines: string;
            protocol: components["schemas"]["Protocol"];
            /**
             * Protocols
             * @description Questions by protocol version.
             */
            protocols: {
                [key: string]: components["schemas"]["Question"][];
            };
            /** Lease Seconds */
            lease_seconds: number;
            /** Image Max Bytes */
            image_max_bytes: number;
        };
        /**
         * PromptOut
         * @description passages: those of the context; what else it holds is beside the conversation.
         */
        PromptOut: {
            /** Messages */
            messages: components["schemas"]["Message"][];
            /** Context */
            context: {
                [key: string]: unknown;
            } | null;
            /** Passages */
            passages: components["schemas"]["PassageOut"][];
        };
        /** Protocol */
        Protocol: {
            /** Version */
            version: number;
            /** Questions */
            questions: components["schemas"]["Question"][];
        };
        Question: components["schemas"]["CompareQuestion"] | components["schemas"]["RankQuestion"] | components["schemas"]["BestWorstQuestion"] | components["schemas"]["RateQuestion"] | components["schemas"]["SpanQuestion"] | components["schemas"]["MissingQuestion"] | components["schemas"]["PrincipleQuestion"] | components["schemas"]["TextQuestion"] | components["schemas"]["ReactionQuestion"] | components["schemas"]["ChooseQuestion"] | components["schemas"]["StepQuestion"];
        /** QuestionsIn */
        QuestionsIn: {
            /** Questions */
            questions: components["schemas"]["Question"][];
        };
        /**
         * Rank
         * @description An order in groups, best first; the members of a group are tied.
         *
         *     Attributes:
         *         all_bad: none of them is acceptable, not even the first.
         */
        Rank: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "rank";
            /** Groups */
            groups: string[][];
            /**
             * Unranked
             * @default []
             */
            unranked: string[];
            /**
             * All Bad
             * @default false
             */
            all_bad: boolean;
        };
        /**
         * RankQuestion
         * @description An order of all completions; `all_bad` offers that none is acceptable.
         */
        RankQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "rank";
            /**
             * Allow Ties
             * @default true
             */
            allow_ties: boolean;
            /**
             * Allow Unranked
             * @default true
             */
            allow_unranked: boolean;
            /**
             * All Bad
             * @default false
             */
            all_bad: boolean;
        };
        /**
         * Rate
         * @description A value on a scale; null says that the criterion does not apply.
         */
        Rate: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "rate";
            /**
             * Completion
             * Format: uuid
             */
            completion: string;
            /** Value */
            value: number | null;
            /** Scale */
            scale?: string | null;
        };
        /**
         * RatePoint
         * @description One value of a labelled scale.
         */
        RatePoint: {
            /** Value */
            value: number;
            /** Label */
            label: string;
            /**
             * Short
             * @default
             */
            short: string;
        };
        /**
         * RateQuestion
         * @description A value on a scale, of each completion.
         */
        RateQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "rate";
            scale: components["schemas"]["RateScale"];
        };
        /**
         * RateScale
         * @description Either labelled points from low to high, or a range with a step.
         *
         *     Attributes:
         *         step: distance of the values that may be given, from `min` on; any value
         *             between `min` and `max` where null.
         *         na: whether "not applicable" may be answered: the value null.
         */
        RateScale: {
            /** Id */
            id: string;
            /**
             * Points
             * @default []
             */
            points: components["schemas"]["RatePoint"][];
            /** Min */
            min?: number | null;
            /** Max */
            max?: number | null;
            /** Step */
            step?: number | null;
            /**
             * Na
             * @default false
             */
            na: boolean;
        };
        /** Reaction */
        Reaction: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "reaction";
            /**
             * Completion
             * Format: uuid
             */
            completion: string;
            /** Signal */
            signal: string;
            /** Value */
            value: number;
            /** Position */
            position?: number | null;
            /**
             * Exposed
             * @default true
             */
            exposed: boolean;
        };
        /**
         * ReactionQuestion
         * @description One signal of each completion, such as a thumb up or down.
         */
        ReactionQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "reaction";
            /** Signals */
            signals: components["schemas"]["Signal"][];
        };
        /** Receipt */
        Receipt: {
            /**
             * Feedback Id
             * Format: uuid
             */
            feedback_id: string;
            /**
             * Client Id
             * Format: uuid
             */
            client_id: string;
            /** Late */
            late: boolean;
            /** Counted */
            counted: boolean;
            progress: components["schemas"]["ProgressOut"];
        };
        /**
         * Ref
         * @description A place a judgment leans on: a passage's sentence or part of a completion.
         *
         *     Attributes:
         *         start, end: code points, half open, in the passage or the completion's message.
         */
        Ref: {
            /** Doc */
            doc?: string | null;
            /** Sentence */
            sentence?: string | number | null;
            /** Completion */
            completion?: string | null;
            /**
             * Message
             * @default 0
             */
            message: number;
            /** Start */
            start?: number | null;
            /** End */
            end?: number | null;
        };
        /** Renewed */
        Renewed: {
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
        };
        /**
         * ReplyOut
         * @description text grows while the state is running; model: in a trial alone.
         */
        ReplyOut: {
            /** Label */
            label: string;
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "running" | "done" | "failed";
            /** Text */
            text: string;
            /** Problem */
            problem: string | null;
            /** Model */
            model: string | null;
        };
        /**
         * SentenceOut
         * @description A sentence's place in its passage, in code points, half open.
         */
        SentenceOut: {
            /** Id */
            id: string | number;
            /** Start */
            start: number;
            /** End */
            end: number;
        };
        /** Session */
        Session: {
            user: components["schemas"]["Person"] | null;
        };
        /**
         * Signal
         * @description A reaction that may be given, and the number it stands for.
         */
        Signal: {
            /** Id */
            id: string;
            /** Label */
            label: string;
            /** Value */
            value: number;
        };
        /** SignIn */
        SignIn: {
            /** Username */
            username: string;
            /** Password */
            password: string;
        };
        /** Skip */
        Skip: {
            /**
             * Reason
             * @default
             */
            reason: string;
            flag?: components["schemas"]["TaskFlag"] | null;
        };
        /** Skipped */
        Skipped: {
            /**
             * State
             * @constant
             */
            state: "skipped";
        };
        /**
         * Span
         * @description A stretch of text in Unicode code points, half open, with the text's hash.
         */
        Span: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "span";
            /**
             * Target
             * @default completion
             * @enum {string}
             */
            target: "completion" | "prompt" | "passage";
            /** Completion */
            completion?: string | null;
            /** Passage */
            passage?: string | null;
            /**
             * Message
             * @default 0
             */
            message: number;
            /** Start */
            start: number;
            /** End */
            end: number;
            /** Text Sha */
            text_sha: string;
            /** Category */
            category: string;
            /** Severity */
            severity?: string | null;
            /**
             * Refs
             * @default []
             */
            refs: components["schemas"]["Ref"][];
            /** Replacement */
            replacement?: string | null;
            /** Note */
            note?: string | null;
        };
        /**
         * SpanQuestion
         * @description Stretches of text, each with a category.
         *
         *     Attributes:
         *         target: the text that is marked.
         *         severities: how bad a span may be; none where it is not asked.
         *         overlap: whether spans of one text may share characters; `same_category`
         *             says only those of one category, so that no character has two.
         *         refs: the places that a span leans on, in passages or the completion.
         *         snap: what a selection grows to in the workspace; the server checks none.
         */
        SpanQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "span";
            /**
             * Target
             * @default completion
             * @enum {string}
             */
            target: "completion" | "prompt" | "passage";
            /** Categories */
            categories: components["schemas"]["Label"][];
            /**
             * Severities
             * @default []
             */
            severities: components["schemas"]["Label"][];
            /**
             * Overlap
             * @default allow
             * @enum {string}
             */
            overlap: "allow" | "same_category" | "never";
            /**
             * Refs
             * @default off
             * @enum {string}
             */
            refs: "off" | "optional" | "required";
            /**
             * Replacement
             * @default off
             * @enum {string}
             */
            replacement: "off" | "optional" | "required";
            /**
             * Note
             * @default off
             * @enum {string}
             */
            note: "off" | "optional" | "required";
            /**
             * Snap
             * @default word
             * @enum {string}
             */
            snap: "word" | "character";
        };
        /**
         * Step
         * @description Process supervision: one step's label, or the place of the first error.
         */
        Step: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "step";
            /**
             * Completion
             * Format: uuid
             */
            completion: string;
            /** Index */
            index: number;
            /** Label */
            label: string;
            /** Note */
            note?: string | null;
        };
        /**
         * StepQuestion
         * @description Labels of a completion's steps; a step is a paragraph (protocols/steps.py).
         *
         *     Attributes:
         *         first_error: one label alone, at the first step that is wrong; none says
         *             that all steps are right. Otherwise each step has its label.
         */
        StepQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "step";
            /** Labels */
            labels: components["schemas"]["Label"][];
            /**
             * First Error
             * @default false
             */
            first_error: boolean;
        };
        /**
         * TalkIn
         * @description fresh: end the talk under way, and begin another.
         */
        TalkIn: {
            /**
             * Fresh
             * @default false
             */
            fresh: boolean;
        };
        /** TalkModel */
        TalkModel: {
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Name */
            name: string;
        };
        /**
         * TalkOut
         * @description A talk; ask again for it while it waits for replies.
         *
         *     is_stuck: replies wait and no worker is there to write them. assignment: the task
         *     made of the last turn, which is answered as any other; protocol: what it is asked.
         */
        TalkOut: {
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /**
             * Kind
             * @enum {string}
             */
            kind: "live" | "trial";
            /** Project */
            project: string;
            /** Is Over */
            is_over: boolean;
            /** Waits For */
            waits_for: ("replies" | "answer") | null;
            /** Is Stuck */
            is_stuck: boolean;
            /** Next Number */
            next_number: number;
            /** Longest */
            longest: number;
            /** Models */
            models: components["schemas"]["TalkModel"][];
            /** Turns */
            turns: components["schemas"]["TurnOut"][];
            assignment: components["schemas"]["AssignmentOut"] | null;
            protocol: components["schemas"]["Protocol"] | null;
        };
        /** TaskFlag */
        TaskFlag: {
            /**
             * Kind
             * @enum {string}
             */
            kind: "pii" | "unsafe" | "bad_task";
            /**
             * Note
             * @default
             */
            note: string;
        };
        /**
         * TextQuestion
         * @description Free text of the task or of each completion.
         *
         *     Attributes:
         *         min_chars: fewest characters (code points), white space at the ends left out.
         */
        TextQuestion: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * Help
             * @default
             */
            help: string;
            /** Criterion */
            criterion?: string | null;
            /**
             * Required
             * @default true
             */
            required: boolean;
            /**
             * Reason
             * @default off
             * @enum {string}
             */
            reason: "off" | "optional" | "required";
            /**
             * Reasons
             * @default []
             */
            reasons: components["schemas"]["Label"][];
            /** Confidence */
            confidence?: components["schemas"]["Confidence"][] | null;
            /**
             * Stage
             * @default 0
             */
            stage: number;
            /**
             * Reveal
             * @default none
             * @enum {string}
             */
            reveal: "none" | "outcome";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "text";
            /**
             * Role
             * @enum {string}
             */
            role: "rationale" | "critique" | "edit";
            /**
             * Per
             * @default task
             * @enum {string}
             */
            per: "task" | "completion";
            /**
             * Min Chars
             * @default 0
             */
            min_chars: number;
            /** Max Chars */
            max_chars?: number | null;
        };
        /**
         * Thanks
         * @description What came of my answers.
         */
        Thanks: {
            /** Answers */
            answers: number;
            /** Models */
            models: number;
            /** Rounds */
            rounds: number;
        };
        /** TrialIn */
        TrialIn: {
            /** Models */
            models: string[];
        };
        /**
         * TurnIn
         * @description number: which turn it is, from 1; the same one sent again changes nothing.
         *
         *     follow: in a trial, the place of the reply that it goes on with.
         */
        TurnIn: {
            /** Number */
            number: number;
            /** Content */
            content: string;
            /** Follow */
            follow?: number | null;
        };
        /**
         * TurnOut
         * @description chosen: the place of the reply that the talk goes on with, once that is known.
         */
        TurnOut: {
            /** Number */
            number: number;
            /** Content */
            content: string;
            /** Replies */
            replies: components["schemas"]["ReplyOut"][];
            /** Chosen */
            chosen: number | null;
        };
        /** WrittenText */
        WrittenText: {
            /** Question */
            question?: string | null;
            /** Criterion */
            criterion?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Reasons
             * @default []
             */
            reasons: string[];
            /**
             * Targets
             * @default []
             */
            targets: number[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "text";
            /**
             * Role
             * @enum {string}
             */
            role: "rationale" | "critique" | "edit";
            /** Completion */
            completion?: string | null;
            /** Content */
            content: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
        };
    };
    sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    sign_out: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_projects: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectLine"][];
                };
            };
        };
    };
    get_project: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectOut"];
                };
            };
        };
    };
    lease_tasks: {
        parameters: {
            query?: {
                count?: number;
                holder?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HandOutOut"];
                };
            };
        };
    };
    list_history: {
        parameters: {
            query?: {
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AssignmentOut"][];
                };
            };
        };
    };
    get_preview: {
        parameters: {
            query?: {
                version?: number | null;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PreviewOut"];
                };
            };
        };
    };
    preview_questions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QuestionsIn"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PreviewOut"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    upload_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        /** @description PNG, JPEG, GIF, WebP or AVIF: as the body itself, or as the field `file` of a form. */
        requestBody?: {
            content: {
                "application/octet-stream": string;
                "multipart/form-data": {
                    /** Format: binary */
                    file?: string;
                };
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImageOut"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_principles: {
        parameters: {
            query?: {
                q?: string;
                state?: ("proposed" | "approved" | "rejected" | "withdrawn") | null;
                origin?: ("authored" | "extracted") | null;
                limit?: number;
                offset?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PrincipleOut"][];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    submit_feedback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                assignment: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FeedbackIn"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Receipt"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Receipt"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    skip_task: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                assignment: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Skip"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Skipped"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    renew_lease: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                assignment: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Renewed"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    list_models: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelOut"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    open_talk: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TalkIn"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TalkOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    open_trial: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TrialIn"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TalkOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    set_live_models: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TrialIn"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LiveOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    get_talk: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                talk_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TalkOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    say: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                talk_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TurnIn"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TalkOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
    ask_again: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                talk_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TalkOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failure"];
                };
            };
        };
    };
}
