// What the guide's component counts on, and `main.tsx` provides.
declare function navigateToResults(resultId: string): void;
declare module "*.css";
