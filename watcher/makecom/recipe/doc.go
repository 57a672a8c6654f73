// Package recipe writes what has to be put into Make.com for a scenario whose executions guard a record with one lock: the
// HTTP bodies that acquire and release it over a REST API, the filter, the error handlers, the scenario's settings, and all
// of it as a blueprint that Make imports.
//
// The scenario: custom webhook → acquire → critical section → release. A denied acquire is an error of the acquire's own
// module, so that its Break handler has the execution tried again from there. That is the point: Make restarts an execution
// at the module that failed, with the data of then.
//
// Its subjects:
//
//   - expression.go: Make expressions, and what makes them safe inside of a JSON body.
//   - request.go: the HTTP requests. The scripts in them are lockcore.StandaloneScripts.
//   - module.go, blueprint.go: modules and blueprints as exports of real scenarios have them.
//   - recipe.go: New, the recipe. published.go: AsPublished, the scenario as it was first published, which loses work.
//   - notes.go: what a user of either must know, each in a few lines.
//
// Nothing here does I/O, and no secret is ever part of a recipe: a placeholder stands for the token.
package recipe
