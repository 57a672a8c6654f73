package embedded

// From a script's text to code: parsing, and wrapping the operands that may be
// converted between text and number (see luatext.go).

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// The global functions around operands of ".." and of arithmetic. No script can write their names.
const (
	textFunction   = "\x00text"
	numberFunction = "\x00number"
)

// maxNesting bounds how deep expressions and blocks lie in each other, since the compiler recurses.
const maxNesting = 2000

// compileLua compiles a script. Its errors begin with the script's name and line.
func compileLua(source string) (proto *lua.FunctionProto, err error) {
	defer func() {
		if broken := recover(); broken != nil { // the parser is not ours, the text is anybody's
			proto, err = nil, fmt.Errorf("%s:0: %v", scriptName, broken)
		}
	}()
	chunk, err := parse.Parse(strings.NewReader(source), scriptName)
	if err != nil {
		var wrong *parse.Error
		if !errors.As(err, &wrong) {
			return nil, fmt.Errorf("%s:0: %w", scriptName, err)
		}
		near := "'" + wrong.Token + "'"
		if wrong.Pos.Line == parse.EOF {
			near = "'<eof>'"
		}
		return nil, fmt.Errorf("%s:%d: %s near %s", scriptName, max(wrong.Pos.Line, 1), wrong.Message, near)
	}
	w := &wrapper{}
	w.block(chunk)
	if w.tooDeep {
		return nil, fmt.Errorf("%s:1: chunk has too many syntax levels", scriptName)
	}
	return lua.Compile(chunk, scriptName)
}

// wrapper walks a script and wraps operands.
type wrapper struct {
	depth   int
	tooDeep bool
}

func (w *wrapper) deeper() bool {
	w.depth++
	w.tooDeep = w.tooDeep || w.depth > maxNesting
	return !w.tooDeep
}

func (w *wrapper) block(stmts []ast.Stmt) {
	defer func() { w.depth-- }()
	if !w.deeper() {
		return
	}
	for _, stmt := range stmts {
		w.stmt(stmt)
	}
}

func (w *wrapper) stmt(stmt ast.Stmt) {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		w.exprs(s.Lhs)
		w.exprs(s.Rhs)
	case *ast.LocalAssignStmt:
		w.exprs(s.Exprs)
	case *ast.FuncCallStmt:
		w.expr(s.Expr)
	case *ast.DoBlockStmt:
		w.block(s.Stmts)
	case *ast.WhileStmt:
		w.expr(s.Condition)
		w.block(s.Stmts)
	case *ast.RepeatStmt:
		w.expr(s.Condition)
		w.block(s.Stmts)
	case *ast.IfStmt:
		w.expr(s.Condition)
		w.block(s.Then)
		w.block(s.Else)
	case *ast.NumberForStmt:
		w.exprs([]ast.Expr{s.Init, s.Limit, s.Step})
		w.block(s.Stmts)
	case *ast.GenericForStmt:
		w.exprs(s.Exprs)
		w.block(s.Stmts)
	case *ast.FuncDefStmt:
		w.expr(s.Func)
	case *ast.ReturnStmt:
		w.exprs(s.Exprs)
	}
}

func (w *wrapper) exprs(exprs []ast.Expr) {
	for _, e := range exprs {
		w.expr(e)
	}
}

func (w *wrapper) expr(expr ast.Expr) {
	defer func() { w.depth-- }()
	if !w.deeper() {
		return
	}
	switch e := expr.(type) {
	case *ast.StringConcatOpExpr:
		w.expr(e.Lhs)
		w.expr(e.Rhs)
		e.Lhs, e.Rhs = wrapText(e.Lhs), wrapText(e.Rhs)
	case *ast.NumberExpr:
		if n, isNumber := parseLuaNumber(e.Value); isNumber {
			e.Value = strconv.FormatFloat(float64(n), 'g', -1, 64)
		}
	case *ast.AttrGetExpr:
		w.exprs([]ast.Expr{e.Object, e.Key})
	case *ast.TableExpr:
		for _, f := range e.Fields {
			w.exprs([]ast.Expr{f.Key, f.Value})
		}
	case *ast.FuncCallExpr:
		w.exprs([]ast.Expr{e.Func, e.Receiver})
		w.exprs(e.Args)
	case *ast.LogicalOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.RelationalOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.ArithmeticOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
		e.Lhs, e.Rhs = wrapNumber(e.Lhs), wrapNumber(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		w.expr(e.Expr)
		e.Expr = wrapNumber(e.Expr)
	case *ast.UnaryNotOpExpr:
		w.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		w.expr(e.Expr)
	case *ast.FunctionExpr:
		w.block(e.Stmts)
	}
}

// wrapText leaves alone what is a string for certain.
func wrapText(operand ast.Expr) ast.Expr {
	switch operand.(type) {
	case *ast.StringExpr, *ast.StringConcatOpExpr:
		return operand
	}
	return callOn(textFunction, operand)
}

// wrapNumber leaves alone what is a number for certain, or has been through arithmetic.
func wrapNumber(operand ast.Expr) ast.Expr {
	switch operand.(type) {
	case *ast.NumberExpr, *ast.ArithmeticOpExpr, *ast.UnaryMinusOpExpr, *ast.UnaryLenOpExpr:
		return operand
	}
	return callOn(numberFunction, operand)
}

func callOn(function string, operand ast.Expr) ast.Expr {
	name := &ast.IdentExpr{Value: function}
	call := &ast.FuncCallExpr{Func: name, Args: []ast.Expr{operand}, AdjustRet: true}
	for _, node := range []ast.PositionHolder{name, call} {
		node.SetLine(operand.Line())
		node.SetLastLine(operand.LastLine())
	}
	return call
}
