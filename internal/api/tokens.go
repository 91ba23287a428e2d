package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
)

const mostTokenBody = 4 << 10

// Token is a token as HTTP shows it: all but itself.
type Token struct {
	ID      string    `json:"id" doc:"The part after linkd_: it is no secret."`
	Name    string    `json:"name" doc:"Who has it; the audit names it."`
	Role    string    `json:"role" enum:"viewer,operator,admin"`
	Created time.Time `json:"created"`
	Who     string    `json:"who" doc:"Whose token made it; empty: linkd itself."`
}

// NewToken is a token that was just made.
type NewToken struct {
	Token
	Secret string `json:"token" doc:"What goes behind Bearer. It is shown this once."`
}

// TokenRequest asks for a token.
type TokenRequest struct {
	Name string `json:"name" maxLength:"64" doc:"Letters, digits, '.', '_', '-', '@'; no other token has it."`
	Role string `json:"role" enum:"viewer,operator,admin"`
}

type newTokenInput struct{ Body TokenRequest }

type newTokenOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         NewToken
}

type tokenPath struct {
	ID string `path:"id"`
}

func (a *API) tokenRoutes(h huma.API) {
	huma.Register(h, operation(doors.Admin, http.MethodGet, "/api/v1/tokens", "Who may come in"), a.listTokens)

	add := operation(doors.Admin, http.MethodPost, "/api/v1/tokens", "Make a token, which is shown this once")
	add.MaxBodyBytes = mostTokenBody
	add.DefaultStatus = http.StatusCreated
	huma.Register(h, add, a.addToken)

	revoke := operation(doors.Admin, http.MethodDelete, "/api/v1/tokens/{id}", "Revoke a token, at once")
	revoke.Description = "Open streams and tunnels of the token end. The last token of an admin cannot be revoked."
	revoke.OperationID = "delete-token"
	revoke.DefaultStatus = http.StatusNoContent
	huma.Register(h, revoke, a.revokeToken)
}

func tokenView(t doors.Token) Token {
	return Token{ID: t.ID, Name: t.Name, Role: t.Role, Created: t.Created, Who: t.Who}
}

func (a *API) listTokens(context.Context, *struct{}) (*listOutput[Token], error) {
	return whole(views(a.cfg.Doors.List(), tokenView)), nil
}

func (a *API) addToken(ctx context.Context, in *newTokenInput) (*newTokenOutput, error) {
	role, err := doors.ParseRole(in.Body.Role)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity("body.role: " + strings.TrimPrefix(err.Error(), "doors: "))
	}
	secret, t, err := a.cfg.Doors.Add(in.Body.Name, role, caller(ctx).Name)
	if err != nil {
		return nil, refusal("token", err)
	}
	return &newTokenOutput{CacheControl: "no-store", Body: NewToken{Token: tokenView(t), Secret: secret}}, nil
}

func (a *API) revokeToken(ctx context.Context, in *tokenPath) (*struct{}, error) {
	if err := a.cfg.Doors.Revoke(in.ID, caller(ctx).Name); err != nil {
		return nil, refusal("token", err)
	}
	return nil, nil
}
