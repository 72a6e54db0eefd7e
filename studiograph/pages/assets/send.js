// Sends queries and mutations with the viewer's token, and shows what went wrong.

import { request } from "./client.js";
import { hideProblem, showProblem } from "./problem.js";
import { token } from "./token.js";

// Returns the result of a mutation, also an error for which `expects(error)` is true; shows other errors and returns null.
export async function send(mutation, input, expects = () => false) {
  try {
    const [result] = Object.values(await request(token.get(), mutation, { input }));
    if (result.message && !expects(result)) throw result;
    hideProblem();
    return result;
  } catch (error) {
    showProblem(error);
    return null;
  }
}

// Returns the data of a query; shows what went wrong and returns null.
export async function read(query, variables) {
  try {
    return await request(token.get(), query, variables);
  } catch (error) {
    showProblem(error);
    return null;
  }
}

// A key for one press of a button, so that a request that is sent twice acts once. Only pages over https or from this machine have it.
export const newKey = () => crypto.randomUUID?.();
