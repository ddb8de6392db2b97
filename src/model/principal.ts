// Who is asking.

export type Role = "viewer" | "operator" | "approver" | "admin";

export interface Principal {
  readonly name: string;
  readonly tenant: string;
  readonly roles: readonly Role[];
}
